import { assert, describe, it, layer } from "@effect/vitest"
import type { McpServer, ServerContext } from "@modelcontextprotocol/server"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { text } from "../../src/toolsets/content.ts"
import { ToolFailure } from "../../src/toolsets/failure.ts"
import { moreOf } from "../../src/toolsets/more.ts"
import { type Prompt, prompt } from "../../src/toolsets/prompt.ts"
import { NOTHING_RELAYED } from "../../src/toolsets/relay.ts"
import { type Resource, resource } from "../../src/toolsets/resource.ts"
import { obtainTokens } from "../support/client.ts"
import { capturedLogs } from "../support/logs.ts"
import { asked, ERAS, ownApp, send } from "../support/ownTools.ts"
import { NOBODY } from "../support/toolset.ts"

const many = Array.from({ length: 150 }, (_, i) => `v${i}`)
const throwing = () => {
  throw new Error("a secret of the database")
}

const PROMPTS: ReadonlyArray<Prompt> = [
  prompt({
    name: "greet",
    title: "Greet",
    description: "Greets somebody.",
    arguments: {
      name: { description: "Who", complete: (typed, others) => [`${typed}!`, others.tone ?? "no tone"] },
      tone: { required: false, complete: () => many },
      plain: { required: false }
    },
    run: ({ name, tone = "kindly" }, { person, client }) => `Greet ${name} ${tone}, for ${person.id} in ${client.id}.`
  }),
  prompt({
    name: "talk",
    title: "Talk",
    description: "A conversation.",
    run: async () => [
      { role: "user", content: text("Hello") },
      { role: "assistant", content: text("Good day") }
    ]
  }),
  prompt({ name: "broken", title: "Broken", description: "Throws.", run: throwing }),
  prompt({
    name: "refusing",
    title: "Refusing",
    description: "Refuses.",
    run: () => Promise.reject(new ToolFailure("Not on Sundays."))
  })
]

const RESOURCES: ReadonlyArray<Resource> = [
  resource({
    uri: "notes://all",
    name: "all notes",
    title: "All notes",
    mimeType: "text/markdown",
    read: (_, { person }) => `notes of ${person.id}`
  }),
  resource({
    uri: "notes://{id}/{part}",
    name: "a note",
    description: "One part of a note.",
    complete: { id: (typed) => [`${typed}1`, `${typed}2`] },
    list: () => [{ uri: "notes://1/top", name: "the first" }],
    read: ({ id, part }) => (id === "0" ? undefined : `${id} ${part}`)
  }),
  resource({ uri: "bytes://all", name: "bytes", read: () => new Uint8Array([0, 255]) }),
  resource({ uri: "broken://all", name: "broken", read: throwing }),
  resource({ uri: "ui://mine.html", name: "mine", read: () => "for those who may call" }),
  resource({ uri: "open://{+rest}", name: "rest", read: ({ rest }) => rest })
]

layer(ownApp({ prompts: PROMPTS, resources: RESOURCES }), { excludeTestServices: true, timeout: "60 seconds" })(
  "prompts and resources",
  (it) => {
    for (const era of ERAS) {
      it.effect(`TL50 prompts are listed with their arguments, and said (${era})`, () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const { prompts } = (yield* asked(access_token, era, "prompts/list")).result
          assert.deepEqual(prompts[0], {
            name: "greet",
            title: "Greet",
            description: "Greets somebody.",
            arguments: [
              { name: "name", required: true, description: "Who" },
              { name: "tone", required: false },
              { name: "plain", required: false }
            ]
          })
          const get = (name: string, args = {}) =>
            Effect.map(asked(access_token, era, "prompts/get", { name, arguments: args }), ({ result }) => result)
          const { description, messages } = yield* get("greet", { name: "Ann" })
          assert.strictEqual(description, "Greets somebody.")
          assert.deepEqual(messages, [
            { role: "user", content: { type: "text", text: "Greet Ann kindly, for demo in demo." } }
          ])
          assert.deepEqual((yield* get("talk")).messages, [
            { role: "user", content: { type: "text", text: "Hello" } },
            { role: "assistant", content: { type: "text", text: "Good day" } }
          ])
        })
      )

      it.effect(`TL50 a prompt that there is not, without what it needs, or that fails (${era})`, () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const refused = (name: string, args = {}) =>
            Effect.map(asked(access_token, era, "prompts/get", { name, arguments: args }), ({ error }) => error)
          const unknown = yield* refused("nobody")
          assert.deepEqual([unknown.code, unknown.message], [-32602, "Prompt nobody not found"])
          const missing = yield* refused("greet", { tone: "x" })
          assert.deepEqual([missing.code, missing.message], [-32602, 'Invalid params: "name" is required'])
          const refusing = yield* refused("refusing")
          assert.deepEqual([refusing.code, refusing.message], [-32602, "Not on Sundays."])
          const broken = yield* refused("broken")
          assert.deepEqual([broken.code, broken.message], [-32603, "Internal error"])
        })
      )

      it.effect(`TL51 resources and templates are listed, and read: text, variables, bytes (${era})`, () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const { resources } = (yield* asked(access_token, era, "resources/list")).result
          const uris = resources.map(({ uri }: { readonly uri: string }) => uri)
          for (const uri of ["notes://all", "bytes://all", "notes://1/top"]) assert.include(uris, uri)
          const { resourceTemplates } = (yield* asked(access_token, era, "resources/templates/list")).result
          assert.deepEqual(resourceTemplates[0], {
            uriTemplate: "notes://{id}/{part}",
            name: "a note",
            description: "One part of a note."
          })
          const read = (uri: string) => asked(access_token, era, "resources/read", { uri })
          const contentOf = (uri: string) => Effect.map(read(uri), ({ result }) => result.contents)
          assert.deepEqual(yield* contentOf("notes://all"), [
            { uri: "notes://all", mimeType: "text/markdown", text: "notes of demo" }
          ])
          assert.deepEqual(yield* contentOf("notes://7/top"), [
            { uri: "notes://7/top", mimeType: "text/plain", text: "7 top" }
          ])
          assert.deepEqual(yield* contentOf("bytes://all"), [
            { uri: "bytes://all", mimeType: "application/octet-stream", blob: "AP8=" }
          ])
          for (const uri of ["notes://none", "notes://0/top", "other://all"]) {
            const { error } = yield* read(uri)
            assert.deepEqual([error.code, error.message], [-32602, `Resource ${uri} not found`])
          }
          assert.strictEqual((yield* read("broken://all")).error.message, "Internal error")
        })
      )

      it.effect(
        `TL52 both are completed, a hundred at most, and nothing is taken from what all objects have (${era})`,
        () =>
          Effect.gen(function* () {
            const { access_token } = yield* obtainTokens()
            const complete = (ref: object, name: string, value = "a", more = {}) =>
              asked(access_token, era, "completion/complete", { ref, argument: { name, value }, ...more })
            const completed = (...given: Parameters<typeof complete>) =>
              Effect.map(complete(...given), ({ result, error }) => result?.completion ?? error)
            const greet = { type: "ref/prompt", name: "greet" }
            const note = { type: "ref/resource", uri: "notes://{id}/{part}" }
            const context = { arguments: { tone: "low" } }
            assert.deepEqual((yield* completed(greet, "name", "An", { context })).values, ["An!", "low"])
            const long = yield* completed(greet, "tone")
            assert.deepEqual([long.values.length, long.total, long.hasMore], [100, 150, true])
            assert.deepEqual((yield* completed(note, "id", "n")).values, ["n1", "n2"])
            for (const name of ["plain", "nobody", "constructor", "toString", "__proto__"]) {
              assert.deepEqual((yield* completed(greet, name)).values, [], name)
              assert.deepEqual((yield* completed(note, name)).values, [], name)
            }
            assert.strictEqual((yield* completed({ type: "ref/prompt", name: "nobody" }, "a")).code, -32602)
            assert.strictEqual((yield* completed({ type: "ref/resource", uri: "no://{id}" }, "id")).code, -32602)
          })
      )

      it.effect(`TL53 without mcp.tools.call nothing is said, read or completed (${era})`, () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens({ scope: "offline_access" })
          const ref = { type: "ref/prompt", name: "greet" }
          const requests: ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>]> = [
            ["prompts/get", { name: "greet", arguments: { name: "Ann" } }],
            ["completion/complete", { ref, argument: { name: "tone", value: "" } }],
            ["resources/read", { uri: "notes://all" }],
            // What only looks like a card is none.
            ["resources/read", { uri: "ui://mine.html" }]
          ]
          for (const [method, params] of requests) {
            const { status, headers } = yield* send(access_token, era, method, params)
            assert.strictEqual(status, 403, method)
            assert.include(headers.get("www-authenticate"), "mcp.tools.call")
          }
          const card = yield* asked(access_token, era, "resources/read", { uri: "ui://gatehouse/weather.html" })
          assert.strictEqual(card.result?.contents.length ?? card.error, 1)
        })
      )
    }

    it.effect("TL54 what is read is of one person, and no cache may keep it; cards and lists are everybody's", () =>
      Effect.gen(function* () {
        const { access_token } = yield* obtainTokens()
        const hintsOf = (method: string, params = {}) =>
          Effect.map(asked(access_token, "2026-07-28", method, params), ({ result: { ttlMs, cacheScope } }) => ({
            ttlMs,
            cacheScope
          }))
        const OWN = { ttlMs: 0, cacheScope: "private" }
        assert.deepEqual(yield* hintsOf("resources/read", { uri: "notes://all" }), OWN)
        assert.deepEqual(yield* hintsOf("resources/read", { uri: "notes://7/top" }), OWN)
        const all = { ttlMs: 300_000, cacheScope: "public" }
        assert.deepEqual(yield* hintsOf("resources/read", { uri: "ui://gatehouse/weather.html" }), all)
        assert.deepEqual(yield* hintsOf("resources/list"), all)
      })
    )
  }
)

describe("a prompt or a resource that fails", () => {
  it.live("TL55 is in the log with its error, its name and the request's id, and nothing of it is told", () =>
    Effect.gen(function* () {
      const logs = yield* capturedLogs
      const listing = resource({ uri: "l://{id}", name: "listing", list: throwing, read: () => "" })
      yield* Effect.gen(function* () {
        const { access_token } = yield* obtainTokens()
        const requests: ReadonlyArray<readonly [string, string, Readonly<Record<string, unknown>>]> = [
          ["broken", "prompts/get", { name: "broken" }],
          ["broken", "resources/read", { uri: "broken://all" }],
          ["listing", "resources/list", {}]
        ]
        for (const [name, method, params] of requests) {
          const answer = yield* send(access_token, "2025-11-25", method, params)
          assert.notInclude(answer.text, "secret", method)
          const id = answer.headers.get("x-request-id")
          const line = yield* logs.find(
            ({ annotations, message }) =>
              annotations.request_id === id && JSON.stringify(message).includes("a secret of the database")
          )
          assert.deepEqual([line?.level, line?.annotations.name], ["ERROR", name])
        }
      }).pipe(
        Effect.provide(
          ownApp({ prompts: PROMPTS, resources: [...RESOURCES, listing] }, { LOG_LEVEL: "info", LOG_FORMAT: "json" })
        )
      )
    }).pipe(Effect.scoped)
  )

  it.effect("TL55 ends after its time", () =>
    Effect.gen(function* () {
      const handlers = new Map<string, (message: unknown, context: unknown) => Promise<unknown>>()
      const slow = prompt({ name: "slow", title: "S", description: "D", run: () => new Promise<string>(() => {}) })
      const run = Effect.runPromiseExitWith(yield* Effect.context<never>())
      moreOf({ apps: [], prompts: [slow], resources: [], relays: NOTHING_RELAYED }).register(
        // All that it asks of one.
        { server: { setRequestHandler: handlers.set.bind(handlers) } } as unknown as McpServer,
        { callerOf: () => NOBODY, run: (_: ServerContext, effect) => run(effect) }
      )
      const got = yield* Effect.forkChild(
        Effect.promise(async () =>
          handlers
            .get("prompts/get")?.({ params: { name: "slow" } }, {})
            .catch((error: Error) => error.message)
        ),
        { startImmediately: true }
      )
      yield* TestClock.adjust("55 seconds")
      assert.strictEqual(yield* Fiber.join(got), "This took too long and was stopped.")
    })
  )
})

describe("a declaration of a prompt or a resource", () => {
  it("TL56 is refused where no client could use it", () => {
    const said = { title: "T", description: "D", run: () => "" }
    assert.throws(() => prompt({ ...said, name: "a b" }), /a name has at most 64/)
    assert.throws(() => resource({ uri: "no uri", name: "n", read: () => "" }), /is no URI/)
  })
})
