// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is written are files of code

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { obtainTokens } from "../../support/client.ts"
import { asked, called, send, wordsOf } from "../../support/ownTools.ts"
import { said, temporaryFolder } from "../../support/program.ts"
import { against, devServer, toolFile } from "../../support/toolsFolder.ts"

const SLOW = { timeout: 120_000 }

const RENDEZVOUS = `async ({ folder }) => {
  writeFileSync(folder + "/" + threadId, "")
  while (readdirSync(folder).length < 2) await new Promise((next) => setTimeout(next, 5))
  return { threadId }
}`

/** Beside what the modules of a thread need. */
const ISOLATED = "isolate: { memoryMb: 32 }, input: { type: 'object' },"

describe("a tool in a thread of its own", () => {
  it.live(
    "TL71 answers as any other: values, parts, failures, questions, progress, log lines",
    () =>
      Effect.gen(function* () {
        const server = yield* devServer({
          "value.ts": toolFile("value", "({ a }, { person }) => ({ a, of: person.id })", ISOLATED),
          "parts.ts": toolFile("parts", "async () => content([text('words')], { sum: 3 })", ISOLATED),
          "fails.ts": toolFile("fails", "() => { throw new ToolFailure('Not on Sundays.') }", ISOLATED),
          "breaks.ts": toolFile("breaks", "() => { throw new Error('the disk is full') }", ISOLATED),
          "uncopied.ts": toolFile("uncopied", "() => ({ run: () => 1 })", ISOLATED),
          "told.ts": toolFile(
            "told",
            "(_, { progress, log }) => { progress(1, 2, 'half'); log('from the thread', { a: 1 }); return 'told' }",
            ISOLATED
          ),
          "asks.ts": toolFile(
            "asks",
            `async (_, { elicit }) => {
              const schema = { type: "object", properties: { sure: { type: "boolean" } }, required: ["sure"] }
              return { answer: await elicit({ message: "Sure?", schema }) }
            }`,
            ISOLATED
          )
        })
        yield* against(
          server,
          Effect.gen(function* () {
            const { access_token: token } = yield* obtainTokens()
            assert.deepEqual((yield* called(token, "value", { a: 1 })).structuredContent, { a: 1, of: "demo" })
            const parts = yield* called(token, "parts")
            assert.deepEqual(parts.structuredContent, { sum: 3 })
            assert.deepEqual(parts.content, [{ type: "text", text: "words" }])
            const fails = yield* called(token, "fails")
            assert.deepEqual([fails.isError, fails.content[0].text], [true, "Not on Sundays."])
            assert.strictEqual(yield* wordsOf(token, "breaks"), "The tool failed. Try again later.")
            yield* said(server.program, /the disk is full/)
            assert.strictEqual(yield* wordsOf(token, "uncopied"), "The tool failed. Try again later.")
            yield* said(server.program, /could not be cloned/)

            const told = yield* send(
              token,
              "2025-11-25",
              "tools/call",
              { name: "told", arguments: {} },
              { meta: { progressToken: "mine" } }
            )
            assert.match(told.text, /"progressToken":"mine","progress":1,"total":2,"message":"half"/)
            const [line] = yield* said(server.program, /^.*from the thread.*$/m)
            assert.strictEqual(JSON.parse(line).annotations.request_id, told.headers.get("x-request-id"))

            const form = { capabilities: { elicitation: {} } }
            const ask = (round: object) =>
              asked(token, "2026-07-28", "tools/call", { name: "asks", arguments: {}, ...round }, form)
            const { inputRequests, requestState } = (yield* ask({})).result
            assert.strictEqual(inputRequests.q1.params.message, "Sure?")
            const answer = { action: "accept", content: { sure: true } }
            const { result } = yield* ask({ inputResponses: { q1: answer }, requestState })
            assert.deepEqual(result.structuredContent, { answer })
          })
        )
      }).pipe(Effect.scoped),
    SLOW
  )

  it.live(
    "TL72 one that never ends, or takes too much memory, is a sentence; meanwhile and afterwards all others go on",
    () =>
      Effect.gen(function* () {
        const server = yield* devServer({
          "plain.ts": toolFile("plain", "() => 'here'"),
          "spins.ts": toolFile(
            "spins",
            "({ long }) => { while (long) {} return 'short' }",
            `timeout: "3 seconds", ${ISOLATED}`
          ),
          "grows.ts": toolFile(
            "grows",
            "({ much }) => { const all = []; while (much) all.push(new Array(1000).fill(Math.random())); return 'small' }",
            ISOLATED
          ),
          "pair.ts": toolFile(
            "pair",
            RENDEZVOUS,
            ISOLATED,
            "import { readdirSync, writeFileSync } from 'node:fs'\nimport { threadId } from 'node:worker_threads'"
          )
        })
        yield* against(
          server,
          Effect.gen(function* () {
            const { access_token: token } = yield* obtainTokens()
            const spinning = yield* Effect.forkChild(wordsOf(token, "spins", { long: true }), {
              startImmediately: true
            })
            assert.strictEqual(yield* wordsOf(token, "plain"), "here")
            assert.match(yield* Fiber.join(spinning), /^Title of spins took .*and was stopped\.$/)
            assert.strictEqual(yield* wordsOf(token, "spins"), "short")
            assert.match(yield* wordsOf(token, "grows", { much: true }), /^Title of grows took .*and was stopped\.$/)
            yield* said(server.program, /ERR_WORKER_OUT_OF_MEMORY/)
            assert.strictEqual(yield* wordsOf(token, "grows"), "small")

            // Each waits for the other: in one thread after the other they would never end.
            const meet = called(token, "pair", { folder: yield* temporaryFolder })
            const [one, two] = yield* Effect.all([meet, meet], { concurrency: 2 })
            assert.isNumber(one.structuredContent.threadId)
            assert.isNumber(two.structuredContent.threadId)
          })
        )
      }).pipe(Effect.scoped),
    SLOW
  )

  it.live(
    "TL73 sees no environment, and no secret of the server's",
    () =>
      Effect.gen(function* () {
        const server = yield* devServer(
          {
            "sees.ts": toolFile(
              "sees",
              "(_, { secret }) => ({ env: Object.keys(process.env), key: secret('DICE_KEY'), data: JSON.stringify(workerData) })",
              ISOLATED,
              "import { workerData } from 'node:worker_threads'"
            ),
            "ours.ts": toolFile("ours", "(_, { secret }) => secret('BRAVE_API_KEY')", ISOLATED)
          },
          { DICE_KEY: "a key", BRAVE_API_KEY: "brave-canary" }
        )
        yield* against(
          server,
          Effect.gen(function* () {
            const { access_token: token } = yield* obtainTokens()
            const { env, key, data } = (yield* called(token, "sees")).structuredContent
            assert.deepEqual(env, [])
            assert.strictEqual(key, "a key")
            assert.notMatch(data, /canary|DATABASE_URL|DATA_DIR/)
            assert.strictEqual(yield* wordsOf(token, "ours"), "The tool failed. Try again later.")
            yield* said(server.program, /BRAVE_API_KEY is not set in the environment/)
          })
        )
      }).pipe(Effect.scoped),
    SLOW
  )
})
