import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { z } from "zod"
import { makeQuestions } from "../../src/mcp/questions.ts"
import { tool } from "../../src/toolsets/declare.ts"
import { Question } from "../../src/toolsets/elicit.ts"
import type { Caller, Declared } from "../../src/toolsets/tool.ts"
import { obtainTokens } from "../support/client.ts"
import { asked, ownApp } from "../support/ownTools.ts"
import { NOBODY } from "../support/toolset.ts"

/** Beyond the server: what it makes of states, as another caller brings them or later. */
const alone = Effect.gen(function* () {
  const { ask, answersOf } = yield* makeQuestions()
  const call = { tool: "remove", args: { what: "a" }, caller: NOBODY, answers: {} }
  const { requestState } = yield* ask(new Question({ q1: { message: "Sure?", requestedSchema: {} } }), call)
  const inputResponses = { q1: accept({ sure: true }) }
  return (caller: Caller) =>
    answersOf({ name: "remove", arguments: { what: "a" }, inputResponses, requestState }, caller)
})

const SAID = { title: "Title", description: "Description.", hints: { readOnly: true, openWorld: false } } as const

const sure = z.object({ sure: z.boolean() })

const TOOLS: ReadonlyArray<Declared> = [
  tool({
    ...SAID,
    name: "remove",
    input: z.object({ what: z.string().default("all") }),
    run: async ({ what }, { elicit }) => {
      const answer = await elicit({ message: `Remove ${what}?`, schema: sure })
      return answer.action === "accept" ? { what, sure: answer.content.sure } : { what, action: answer.action }
    }
  }),
  tool({
    ...SAID,
    name: "travel",
    run: async (_, { elicit }) => {
      const where = await elicit({ message: "Where to?", schema: z.object({ place: z.string() }) })
      const days = await elicit({ message: "For how long?", schema: z.object({ days: z.int() }) })
      return { where, days }
    }
  })
]

const FORM = { capabilities: { elicitation: { form: {} } } }
const SENTENCE = "This has to be asked of the person, and this app cannot show questions. Say it in the arguments."

interface Round {
  readonly inputResponses?: object
  readonly requestState?: string
}

const call = (token: string, name: string, args: object, round: Round = {}, more: object = FORM) =>
  Effect.map(
    asked(token, "2026-07-28", "tools/call", { name, arguments: args, ...round }, more),
    ({ result, error }) => {
      assert.isUndefined(error, JSON.stringify(error))
      return result
    }
  )

const accept = (content: object) => ({ action: "accept", content })

/** What is asked, under which name. */
const questionOf = (result: {
  readonly resultType: string
  readonly inputRequests: Readonly<
    Record<string, { readonly method: string; readonly params: Record<string, unknown> }>
  >
  readonly requestState: string
}) => {
  assert.strictEqual(result.resultType, "input_required")
  const [[key, { method, params }] = assert.fail("nothing is asked")] = Object.entries(result.inputRequests)
  assert.strictEqual(method, "elicitation/create")
  return { key, params, state: result.requestState }
}

layer(ownApp({}), { excludeTestServices: true, timeout: "60 seconds" })("the state of a question", (it) => {
  it.effect("TL32 B14 is of the person and the app that were asked", () =>
    Effect.gen(function* () {
      const answersOf = yield* alone
      assert.deepEqual(yield* answersOf(NOBODY), { q1: accept({ sure: true }) })
      assert.deepEqual(yield* answersOf({ ...NOBODY, clientId: "another" }), {})
      assert.deepEqual(yield* answersOf({ ...NOBODY, subject: "another" }), {})
    })
  )

  it.effect("TL32 B14 lasts ten minutes", () =>
    Effect.gen(function* () {
      const answersOf = yield* alone
      yield* TestClock.adjust("599 seconds")
      assert.property(yield* answersOf(NOBODY), "q1")
      yield* TestClock.adjust("1 second")
      assert.deepEqual(yield* answersOf(NOBODY), {})
    }).pipe(Effect.provide(TestClock.layer()))
  )
})

for (const lane of ["on", "off"]) {
  layer(ownApp({ tools: TOOLS }, { MCP_FAST_LANE: lane }), { excludeTestServices: true, timeout: "60 seconds" })(
    `questions of a tool, the fast lane ${lane}`,
    (it) => {
      it.effect("TL30 B13 are asked as a form, and the tool goes on with the answer", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const { key, params, state } = questionOf(yield* call(access_token, "remove", { what: "a" }))
          assert.strictEqual(params.message, "Remove a?")
          assert.strictEqual(params.mode, "form")
          const { type, properties, required } = Object(params.requestedSchema)
          assert.deepEqual(
            { type, properties, required },
            {
              type: "object",
              properties: { sure: { type: "boolean" } },
              required: ["sure"]
            }
          )
          const round = { inputResponses: { [key]: accept({ sure: true }) }, requestState: state }
          const done = yield* call(access_token, "remove", { what: "a" }, round)
          assert.strictEqual(done.resultType, "complete")
          assert.deepEqual(done.structuredContent, { what: "a", sure: true })
        })
      )

      it.effect("TL30 a client that names no mode shows forms; one that opens URLs alone does not", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          questionOf(yield* call(access_token, "remove", {}, {}, { capabilities: { elicitation: {} } }))
          for (const capabilities of [{}, { sampling: {} }, { elicitation: { url: {} } }]) {
            const { isError, content } = yield* call(access_token, "remove", {}, {}, { capabilities })
            assert.deepEqual([isError, content[0].text], [true, SENTENCE])
          }
        })
      )

      it.effect("TL30 the era of 2025 gets a sentence", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const { result } = yield* asked(access_token, "2025-11-25", "tools/call", { name: "remove", arguments: {} })
          assert.deepEqual([result.isError, result.content[0].text], [true, SENTENCE])
        })
      )

      it.effect("TL31 two in a row: the first answer comes back with the second question", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const first = questionOf(yield* call(access_token, "travel", {}))
          const second = questionOf(
            yield* call(
              access_token,
              "travel",
              {},
              {
                inputResponses: { [first.key]: accept({ place: "Rome" }) },
                requestState: first.state
              }
            )
          )
          assert.strictEqual(second.params.message, "For how long?")
          assert.notStrictEqual(second.key, first.key)
          const done = yield* call(
            access_token,
            "travel",
            {},
            {
              inputResponses: { [second.key]: accept({ days: 3 }) },
              requestState: second.state
            }
          )
          assert.deepEqual(done.structuredContent, { where: accept({ place: "Rome" }), days: accept({ days: 3 }) })
        })
      )

      it.effect("TL31 an answer that is none is asked again, and the next one counts", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const first = questionOf(yield* call(access_token, "remove", {}))
          const again = questionOf(
            yield* call(
              access_token,
              "remove",
              {},
              {
                inputResponses: { [first.key]: accept({ sure: "perhaps" }) },
                requestState: first.state
              }
            )
          )
          assert.strictEqual(again.key, first.key)
          const done = yield* call(
            access_token,
            "remove",
            {},
            {
              inputResponses: { [again.key]: accept({ sure: false }) },
              requestState: again.state
            }
          )
          assert.deepEqual(done.structuredContent, { what: "all", sure: false })
        })
      )

      it.effect("TL31 declining and cancelling are answers", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          for (const action of ["decline", "cancel"]) {
            const { key, state } = questionOf(yield* call(access_token, "remove", {}))
            const round = { inputResponses: { [key]: { action } }, requestState: state }
            const done = yield* call(access_token, "remove", {}, round)
            assert.deepEqual(done.structuredContent, { what: "all", action })
          }
        })
      )

      it.effect("TL32 B14 a state that was tampered with, or that is of another tool or call, asks anew", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const { key, state } = questionOf(yield* call(access_token, "remove", { what: "a" }))
          const inputResponses = { [key]: accept({ sure: true }) }
          const [text = "", mark = ""] = state.split("~")
          const later = JSON.stringify({ ...JSON.parse(Buffer.from(text, "base64url").toString()), until: 1e15 })
          const states = [
            `${Buffer.from(later).toString("base64url")}~${mark}`,
            `${text}~`,
            text,
            `${state}x`,
            "",
            "x".repeat(100_000)
          ]
          for (const requestState of states) {
            questionOf(yield* call(access_token, "remove", { what: "a" }, { inputResponses, requestState }))
          }
          questionOf(yield* call(access_token, "remove", { what: "a" }, { inputResponses }))
          // What was allowed is to remove a.
          questionOf(yield* call(access_token, "remove", { what: "b" }, { inputResponses, requestState: state }))
          const travel = yield* call(access_token, "travel", { what: "a" }, { inputResponses, requestState: state })
          assert.strictEqual(questionOf(travel).params.message, "Where to?")
          const round = { inputResponses, requestState: state }
          const done = yield* call(access_token, "remove", { what: "a" }, round)
          assert.deepEqual(done.structuredContent, { what: "a", sure: true })
        })
      )
    }
  )
}
