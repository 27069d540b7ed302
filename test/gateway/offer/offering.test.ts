import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import { SignInNeeded, type UpstreamFailed, UpstreamTooSlow } from "../../../src/gateway/failures.ts"
import type { Mount } from "../../../src/gateway/mount.ts"
import { type Approved, offeringWith } from "../../../src/gateway/offer/offering.ts"
import { makeRequests } from "../../../src/gateway/offer/requests.ts"
import type { ToolDefinition } from "../../../src/gateway/offer/tools.ts"
import type { RequestOptions, Whose } from "../../../src/gateway/upstream/contract.ts"
import { Upstreams } from "../../../src/gateway/upstream/Upstreams.ts"
import { Relayed } from "../../../src/toolsets/content.ts"
import { tool } from "../../../src/toolsets/declare.ts"
import { Question } from "../../../src/toolsets/elicit.ts"
import { offeringOf } from "../../../src/toolsets/offering.ts"
import type { Offering } from "../../../src/toolsets/Toolset.ts"
import type { Caller, Carrier, Person } from "../../../src/toolsets/tool.ts"
import { mountOf } from "../../support/mounts.ts"
import { NOBODY, placed } from "../../support/toolset.ts"

type Answer = Effect.Effect<Record<string, unknown>, UpstreamFailed>
interface Asked {
  readonly mount: Mount
  readonly whose: Whose
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
  readonly options: RequestOptions
}

/** What is made of requests, with an upstream that answers as a test says. */
const requestsTo = (answer: (asked: Asked) => Answer) =>
  makeRequests.pipe(
    Effect.provide([
      Layer.succeed(
        Upstreams,
        Upstreams.of({
          request: (mount, whose, method, params, options = {}) => answer({ mount, whose, method, params, options }),
          discover: () => Effect.die("nobody asks"),
          changes: Stream.empty,
          here: () => ({ isDown: false, children: 0 }),
          status: Effect.succeed([]),
          stderr: () => Effect.succeed([]),
          restart: () => Effect.void
        })
      ),
      ServerConfig.layerOf({})
    ])
  )

const definition = (name: string, over: Partial<ToolDefinition> = {}): ToolDefinition => ({
  name,
  title: name,
  description: `Does ${name}.`,
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  inputSchema: { type: "object" },
  ...over
})

const approved = (over: Partial<Approved> = {}): Approved => ({
  tools: [],
  prompts: [],
  resources: [],
  templates: [],
  instructions: undefined,
  ...over
})

const own = placed(tool({ name: "fetch", title: "Fetch", description: "Fetches.", run: () => "ours" }))
const base = offeringOf({ tools: [own], purposes: {} })

const nowhere = requestsTo(() => Effect.die("nobody asks"))
const namesOf = ({ tools }: Offering) => tools.map(({ name }) => name)
const called = (offering: Offering, name: string, args: unknown = {}, carrier: Carrier = {}, caller = NOBODY) => {
  const found = offering.tools.find((one) => one.name === name)
  if (found === undefined) return Effect.die(`there is no ${name}`)
  return found.call(args, caller, carrier)
}
const resultOf = (answer: unknown) => (answer instanceof Relayed ? answer.result : assert.fail("no relayed answer"))

describe("what is offered beside one's own", () => {
  it.effect("built-in and own names win, aliases come next, and each mount has a name before its tools'", () =>
    Effect.gen(function* () {
      const mount = mountOf({
        tools: new Map([
          ["a", { alias: "fetch" }],
          ["b", { alias: "bee" }]
        ])
      })
      const other = mountOf({ name: "others", title: "Others" })
      const tools = [definition("a"), definition("b"), definition("c")]
      const offering = offeringWith(yield* nowhere, base, [
        { mount, approved: approved({ tools }) },
        { mount: other, approved: approved({ tools: [definition("a")] }) }
      ])
      assert.deepStrictEqual(namesOf(offering), ["fetch", "things__a", "bee", "others__a"])
      assert.deepStrictEqual(
        offering.scopes.map(({ name }) => name),
        ["mcp.tools.call", "mcp.things", "mcp.things", "mcp.others"]
      )
      assert.include(offering.instructions, "things__… (Things), others__… (Others)")
    })
  )

  it.effect("a tool that is switched off is not there, not even by a rule of its own", () =>
    Effect.gen(function* () {
      const tools = [definition("a"), definition("b"), definition("c")]
      const named = (over: Partial<Mount>) =>
        Effect.map(nowhere, (requests) =>
          namesOf(offeringWith(requests, base, [{ mount: mountOf(over), approved: approved({ tools }) }]))
        )
      assert.deepStrictEqual(yield* named({ except: ["b"] }), ["fetch", "things__a", "things__c"])
      const rules = new Map([
        ["a", {}],
        ["b", { alias: "bee" }]
      ])
      assert.deepStrictEqual(yield* named({ tools: rules, except: ["b"] }), ["fetch", "things__a"])
    })
  )

  it.effect("where people sign in, its permission is there before anybody has", () =>
    Effect.gen(function* () {
      const { scopes } = offeringWith(yield* nowhere, base, [
        { mount: mountOf({ auth: "oauth" }), approved: approved() }
      ])
      assert.deepStrictEqual(
        scopes.map(({ name }) => name),
        ["mcp.tools.call", "mcp.things"]
      )
    })
  )

  it.effect("what a mount says for a model to follow comes last, with its title, as far as there is room", () =>
    Effect.gen(function* () {
      const mount = mountOf()
      const { instructions } = offeringWith(yield* nowhere, base, [
        { mount, approved: approved({ tools: [definition("a")], instructions: `Look first. ${"z".repeat(600)}` }) }
      ])
      assert.include(instructions, " Things: Look first. zzz")
      assert.lengthOf(instructions, 512)
    })
  )

  it.effect("without mounts it is the very same, so that nothing is made twice", () =>
    Effect.gen(function* () {
      assert.strictEqual(offeringWith(yield* nowhere, base, []), base)
    })
  )

  it.effect("the owner's scope and hints stand in the place of the mount's", () =>
    Effect.gen(function* () {
      const scope = { name: "things.read", sentence: "Read things." }
      const mount = mountOf({ tools: new Map([["a", { scope, hints: { readOnly: true, destructive: false } }]]) })
      const { tools } = offeringWith(yield* nowhere, base, [
        { mount, approved: approved({ tools: [definition("a")] }) }
      ])
      assert.deepStrictEqual(tools[1]?.scope, scope)
      assert.deepStrictEqual(tools[1]?.annotations, {
        readOnlyHint: true,
        destructiveHint: false,
        idempotentHint: false,
        openWorldHint: true
      })
    })
  )

  it.effect("a mount that is open to some is there for them alone, in one offering for all of the same rights", () =>
    Effect.gen(function* () {
      const tools = [definition("a")]
      const offering = offeringWith(yield* nowhere, base, [
        { mount: mountOf({ people: "owner" }), approved: approved({ tools }) },
        { mount: mountOf({ name: "some", people: ["Ada@example.com"] }), approved: approved({ tools }) },
        { mount: mountOf({ name: "all" }), approved: approved({ tools }) }
      ])
      const seenBy = (person: Partial<Person>) => {
        const caller: Caller = {
          ...NOBODY,
          person: Effect.succeed({ id: "1", name: undefined, email: undefined, roles: [], ...person })
        }
        return offering.of?.(caller) ?? Effect.die("all see all")
      }
      assert.deepStrictEqual(namesOf(yield* seenBy({ roles: ["owner"] })), ["fetch", "things__a", "all__a"])
      assert.deepStrictEqual(namesOf(yield* seenBy({ email: "ada@example.com" })), ["fetch", "some__a", "all__a"])
      assert.deepStrictEqual(namesOf(yield* seenBy({ roles: ["member"], email: "eve@example.com" })), [
        "fetch",
        "all__a"
      ])
      assert.strictEqual(yield* seenBy({ id: "2" }), yield* seenBy({ id: "3" }))
    })
  )

  it.effect("a card is that of the mount whose address it is; of another's there is none", () =>
    Effect.gen(function* () {
      const ui = { resourceUri: "ui://card" }
      const tools = [definition("a", { ui })]
      const offering = offeringWith(yield* nowhere, base, [
        { mount: mountOf(), approved: approved({ tools }) },
        { mount: mountOf({ name: "others" }), approved: approved({ tools }) }
      ])
      assert.deepStrictEqual(
        offering.tools.map((one) => one.ui),
        [undefined, ui, undefined]
      )
      assert.strictEqual(offering.parts.relays?.resources.get("ui://card")?.scope.name, "mcp.things")
    })
  )
})

describe("a call of a mount's tool", () => {
  const offered = (answer: (asked: Asked) => Answer, over: Partial<ToolDefinition> = {}, of: Partial<Mount> = {}) =>
    Effect.map(requestsTo(answer), (requests) =>
      offeringWith(requests, base, [{ mount: mountOf(of), approved: approved({ tools: [definition("a.b", over)] }) }])
    )
  const text = { content: [{ type: "text", text: "there" }] }
  /** Of the one tool that is not ours. */
  const call = (offering: Offering, args?: unknown, carrier?: Carrier, caller?: Caller) =>
    called(offering, offering.tools[1]?.name ?? "none", args, carrier, caller)

  it.effect("is asked by the name that it has there, for this very person, app and chat", () =>
    Effect.gen(function* () {
      const asked: Array<Asked> = []
      const offering = yield* offered((one) => {
        asked.push(one)
        return Effect.succeed(text)
      })
      assert.match(offering.tools[1]?.name ?? "", /^things__a_b_[0-9a-f]{6}$/)
      const caller = { ...NOBODY, subject: "ada", grant: "g" }
      assert.deepStrictEqual(resultOf(yield* call(offering, { x: 1 }, { chat: "chat" }, caller)), text)
      assert.deepStrictEqual(
        asked.map(({ whose, method, params }) => ({ whose, method, params })),
        [
          {
            whose: { subject: "ada", grant: "g", chat: "chat" },
            method: "tools/call",
            params: { name: "a.b", arguments: { x: 1 } }
          }
        ]
      )
    })
  )

  it.effect("may be asked twice only where that is said to change nothing", () =>
    Effect.gen(function* () {
      const asked: Array<boolean | undefined> = []
      const answer = ({ options: { isRepeatable } }: Asked) => {
        asked.push(isRepeatable)
        return Effect.succeed(text)
      }
      const hints = { destructiveHint: false, openWorldHint: true }
      for (const [readOnlyHint, idempotentHint] of [
        [true, true],
        [true, false],
        [false, true]
      ] as const) {
        const offering = yield* offered(answer, { annotations: { ...hints, readOnlyHint, idempotentHint } })
        yield* call(offering)
      }
      assert.deepStrictEqual(asked, [true, undefined, undefined])
    })
  )

  it.effect("with arguments that its own schema refuses goes nowhere", () =>
    Effect.gen(function* () {
      const inputSchema = { type: "object", properties: { x: { type: "string", pattern: "^(a+)+$" } }, required: ["x"] }
      const offering = yield* offered(() => Effect.succeed(text), { inputSchema })
      const failure = yield* Effect.flip(call(offering, {}))
      assert.match(failure.message, /^The arguments are not valid: .*"x"/)
      // What a stranger's expression says is for the stranger to say.
      assert.deepStrictEqual(resultOf(yield* call(offering, { x: `${"a".repeat(40)}!` })), text)
    })
  )

  it.effect("that fails is told in the mount's words, and an answer that is none in ours", () =>
    Effect.gen(function* () {
      const slow = yield* offered(() => Effect.fail(new UpstreamTooSlow({ message: "Things took too long." })))
      assert.strictEqual((yield* Effect.flip(call(slow))).message, "Things took too long.")
      const outputSchema = { type: "object", properties: { a: { type: "number" } }, required: ["a"] }
      const odd = yield* offered(() => Effect.succeed({ ...text, structuredContent: { a: "b" } }), { outputSchema })
      assert.match(
        (yield* Effect.flip(call(odd))).message,
        /^Things did not answer as it should: its answer is not what/
      )
    })
  )

  it.effect("without a sign-in there names the address, and challenges the client in our name", () =>
    Effect.gen(function* () {
      const offering = yield* offered(() => Effect.fail(new SignInNeeded({ mount: "things" })))
      const { isError, content, _meta } = resultOf(yield* call(offering))
      assert.isTrue(isError)
      assert.include(JSON.stringify(content), "Open http://localhost:3000/connect/things in a browser")
      assert.match(
        JSON.stringify(_meta),
        /^\{"mcp\/www_authenticate":\["Bearer resource_metadata=.*http:\/\/localhost:3000\/connect\/things/
      )
    })
  )

  const asking = (requestState?: string) => ({
    resultType: "input_required",
    inputRequests: {
      sure: {
        method: "elicitation/create",
        params: { mode: "form", message: "Sure?\u200b", requestedSchema: { type: "object", properties: {} } }
      }
    },
    ...(requestState && { requestState })
  })

  it.effect("that asks the person goes on with what was answered, and with the mount's own state", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const offering = yield* offered(({ params }) => {
        asked.push(params)
        return Effect.succeed("inputResponses" in params ? text : asking("its state"))
      })
      const exit = yield* Effect.exit(call(offering, {}, { answers: {} }))
      const question = Exit.isFailure(exit)
        ? exit.cause.reasons.flatMap((one) => (one._tag === "Die" ? [one.defect] : []))[0]
        : undefined
      if (!(question instanceof Question)) return assert.fail("nothing was asked")
      assert.deepStrictEqual(question.forms, {
        sure: { message: "Things asks: Sure?", requestedSchema: { type: "object", properties: {} } }
      })
      const answers = { ...question.kept, sure: { action: "accept", content: {} } }
      assert.deepStrictEqual(resultOf(yield* call(offering, {}, { answers })), text)
      assert.deepStrictEqual(asked[1], {
        name: "a.b",
        arguments: {},
        inputResponses: { sure: { action: "accept", content: {} } },
        requestState: "its state"
      })
    })
  )

  it.effect("that asks what cannot be passed on fails in words", () =>
    Effect.gen(function* () {
      const offering = yield* offered(() => Effect.succeed(asking()))
      assert.include((yield* Effect.flip(call(offering))).message, "this app cannot show questions: Things asks: Sure?")
      const sampling = yield* offered(() =>
        Effect.succeed({
          resultType: "input_required",
          inputRequests: { a: { method: "sampling/createMessage", params: {} } }
        })
      )
      assert.include(
        (yield* Effect.flip(call(sampling, {}, { answers: {} }))).message,
        "only a form for the person can"
      )
    })
  )

  it.effect(
    "for a caller who wants to know is alive: what the mount says goes up, and a heartbeat where it says nothing",
    () =>
      Effect.gen(function* () {
        const heard: Array<number> = []
        const progress = (done: number) => {
          heard.push(done)
        }
        const offering = yield* offered(({ options }) =>
          Effect.gen(function* () {
            yield* Effect.sleep("40 seconds")
            options.onProgress?.(1, 2, undefined)
            options.onProgress?.(0.5, 2, undefined)
            yield* Effect.sleep("10 seconds")
            return text
          })
        )
        const running = yield* Effect.forkChild(call(offering, {}, { progress }))
        yield* TestClock.adjust("40 seconds")
        assert.deepStrictEqual(heard.map(Math.round), [0, 0, 1])
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(resultOf(yield* Fiber.join(running)), text)
        assert.isTrue(heard.every((done, index) => index === 0 || done > (heard[index - 1] ?? 0)))
        assert.isAbove(heard.length, 3)
      })
  )

  it.effect("is one of at most 32 of one person, and others have their turn", () =>
    Effect.gen(function* () {
      const offering = yield* offered(() => Effect.never)
      const ada = { ...NOBODY, subject: "ada" }
      const running = yield* Effect.forEach(Array.from({ length: 32 }), () =>
        Effect.forkChild(call(offering, {}, {}, ada))
      )
      yield* TestClock.adjust("1 millis")
      assert.include((yield* Effect.flip(call(offering, {}, {}, ada))).message, "too much to do")
      const other = yield* Effect.forkChild(call(offering, {}, {}, NOBODY))
      yield* TestClock.adjust("1 millis")
      assert.isUndefined(other.pollUnsafe())
      yield* Fiber.interruptAll([...running, other])
    })
  )
})

describe("what a mount has beside tools", () => {
  it.effect("is asked for by the names there, and needs the mount's permission", () =>
    Effect.gen(function* () {
      const asked: Array<unknown> = []
      const requests = yield* requestsTo(({ method, params }) => {
        asked.push([method, params])
        return Effect.succeed({})
      })
      const offering = offeringWith(requests, base, [
        {
          mount: mountOf(),
          approved: approved({
            prompts: [{ name: "p" }],
            resources: [{ uri: "a://1", name: "one" }],
            templates: [
              { uriTemplate: "b://{x}", name: "two" },
              { uriTemplate: "{+any}", name: "all" }
            ]
          })
        }
      ])
      const relays = offering.parts.relays ?? assert.fail("there are none")
      assert.deepStrictEqual([...relays.prompts.keys()], ["things__p"])
      assert.deepStrictEqual([...relays.templates.keys()], ["b://{x}"])
      const allowed = { ...NOBODY, scopes: ["mcp.tools.call", "mcp.things"] }
      const barred = { ...NOBODY, scopes: ["mcp.tools.call"] }
      const read = relays.templates.get("b://{x}") ?? assert.fail("there is none")
      assert.include((yield* Effect.flip(read.answer({ uri: "b://1" }, barred))).message, "mcp.things")
      assert.deepStrictEqual(asked, [])
      yield* read.answer({ uri: "b://1" }, allowed)
      yield* relays.prompts.get("things__p")?.answer({ name: "things__p", arguments: { a: "b" } }, allowed) ??
        Effect.void
      const ref = { type: "ref/prompt", name: "things__p" }
      yield* relays.complete({ ref, argument: { name: "a", value: "b" } }, allowed) ?? Effect.void
      assert.isUndefined(relays.complete({ ref: { ...ref, name: "p" } }, allowed))
      assert.deepStrictEqual(asked, [
        ["resources/read", { uri: "b://1" }],
        ["prompts/get", { name: "p", arguments: { a: "b" } }],
        ["completion/complete", { ref: { type: "ref/prompt", name: "p" }, argument: { name: "a", value: "b" } }]
      ])
    })
  )
})
