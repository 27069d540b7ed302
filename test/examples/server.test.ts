import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Effect, Layer } from "effect"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import { Tools } from "../../src/toolsets/own/own.ts"
import { TestApp, testApp } from "../support/app.ts"
import { obtainTokens } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"
import { temporaryFolder } from "../support/program.ts"
import { answerJson, upstream } from "../support/upstream.ts"

const EXAMPLES = join(import.meta.dirname, "../../examples/tools")

/** Arguments for each, and what the answer has to hold. */
const CALLS: Readonly<Record<string, readonly [args: Record<string, unknown>, expected: object]>> = {
  add_note: [{ words: "Feed the cat" }, { id: 1 }],
  convert_length: [
    { length: 1, from: "mile", to: "m" },
    { length: 1609.344, unit: "m" }
  ],
  count_primes: [{ limit: 100 }, { primes: 25 }],
  count_words: [{ text: "two words" }, { words: 2 }],
  draw_chart: [{ title: "T", bars: [{ label: "a", value: 1 }] }, { title: "T" }],
  draw_names: [{ names: ["Ada"], count: 1 }, { drawn: ["Ada"] }],
  find_notes: [{ containing: "cat" }, { notes: [{ id: 1, words: "Feed the cat" }] }],
  roll_dice: [{ sides: 6, count: 2 }, {}],
  search_documents: [{ word: "flour" }, { lines: [{ document: "bread.md", line: 1, text: "Flour" }] }],
  track_parcel: [{ number: "AB12345678" }, { status: "delivered" }]
}

const settings = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  mkdirSync(join(folder, "documents"))
  writeFileSync(join(folder, "documents", "bread.md"), "Flour\n")
  writeFileSync(join(folder, "documents", "café menu.md"), "Coffee\n")
  const parcels = yield* upstream(answerJson({ status: "delivered" }))
  // What the examples themselves read, when they are loaded.
  Object.assign(process.env, {
    NOTES_FILE: join(folder, "notes.sqlite"),
    DOCUMENTS_DIR: join(folder, "documents"),
    PARCELS_URL: parcels.url
  })
  return { TOOLS_DIR: EXAMPLES, BUILT_IN_TOOLS: "calculator", PARCELS_KEY: "a key" }
})

const server = Layer.unwrap(
  Effect.map(settings, (variables) => testApp(TestDatabase.quick, variables, PublicWeb.layer, Layer.orDie(Tools())))
)

const connected = Effect.fn("connected")(function* (version: "2025-11-25" | "2026-07-28") {
  const { baseUrl } = yield* TestApp
  const { access_token } = yield* obtainTokens({ scope: "mcp.tools.call notes.use" })
  const client = new Client(
    { name: "test client", version: "1.0.0" },
    {
      capabilities: { elicitation: { form: {} } },
      ...(version === "2026-07-28" && { versionNegotiation: { mode: { pin: version } } })
    }
  )
  const requestInit = { headers: { authorization: `Bearer ${access_token}` } }
  const transport = new StreamableHTTPClientTransport(new URL(`${baseUrl}/mcp`), { requestInit })
  yield* Effect.acquireRelease(
    Effect.promise(() => client.connect(transport)),
    () => Effect.promise(() => client.close())
  )
  return client
})

// One server: the modules of the examples are loaded once in this process.
layer(server, { excludeTestServices: true, timeout: "60 seconds" })("a server with the examples in TOOLS_DIR", (it) => {
  it.effect(
    "lists and calls them, and serves the documents and the prompt, in both eras",
    () =>
      Effect.gen(function* () {
        for (const version of ["2025-11-25", "2026-07-28"] as const) {
          const client = yield* connected(version)
          const { tools } = yield* Effect.promise(() => client.listTools())
          assert.sameMembers(
            tools.map(({ name }) => name),
            ["calculator", "delete_note", ...Object.keys(CALLS)]
          )
          for (const [name, [args, expected]] of Object.entries(CALLS)) {
            if (name === "add_note" && version === "2026-07-28") continue
            const result = yield* Effect.promise(() => client.callTool({ name, arguments: args }))
            assert.deepInclude(result.structuredContent, expected, `${name}: ${JSON.stringify(result)}`)
          }

          const steps: Array<string | undefined> = []
          const search = { name: "search_documents", arguments: { word: "flour" } }
          const onprogress = ({ message }: { readonly message?: string | undefined }) => steps.push(message)
          yield* Effect.promise(() => client.callTool(search, { onprogress }))
          assert.deepStrictEqual(steps, ["bread.md", "café menu.md", undefined])

          const { resourceTemplates } = yield* Effect.promise(() => client.listResourceTemplates())
          assert.deepStrictEqual(
            resourceTemplates.map(({ uriTemplate }) => uriTemplate),
            ["documents://{name}"]
          )
          const { resources } = yield* Effect.promise(() => client.listResources())
          assert.includeMembers(
            resources.map(({ uri }) => uri),
            ["ui://tools/draw_chart.html", "documents://bread.md"]
          )
          const { contents } = yield* Effect.promise(() => client.readResource({ uri: "documents://bread.md" }))
          assert.deepInclude(contents[0], { mimeType: "text/markdown", text: "Flour\n" })

          const named = resources.find(({ name }) => name === "café menu.md")
          assert.strictEqual(named?.uri, "documents://caf%C3%A9%20menu.md")
          const menu = yield* Effect.promise(() => client.readResource({ uri: named?.uri ?? "" }))
          assert.deepInclude(menu.contents[0], { text: "Coffee\n" })

          const argument = { name: "name", value: "br" }
          for (const ref of [
            { type: "ref/prompt" as const, name: "explain_document" },
            { type: "ref/resource" as const, uri: "documents://{name}" }
          ]) {
            const { completion } = yield* Effect.promise(() => client.complete({ ref, argument }))
            assert.deepStrictEqual(completion.values, ["bread.md"])
          }
          const explained = { name: "explain_document", arguments: { name: "bread.md" } }
          const { messages } = yield* Effect.promise(() => client.getPrompt(explained))
          assert.include(JSON.stringify(messages), "to a newcomer")
          assert.include(JSON.stringify(messages), "Flour")
        }
      }).pipe(Effect.scoped),
    { timeout: 60_000 }
  )

  it.effect(
    "the person is asked where the app can show it; elsewhere the model is told so, and nothing is deleted",
    () =>
      Effect.gen(function* () {
        const old = yield* connected("2025-11-25")
        const client = yield* connected("2026-07-28")
        yield* Effect.promise(() => client.callTool({ name: "add_note", arguments: { words: "Keep me" } }))
        const notes = Effect.map(
          Effect.promise(() => client.callTool({ name: "find_notes", arguments: { containing: "Keep me" } })),
          ({ structuredContent }) => Object(structuredContent).notes as ReadonlyArray<{ readonly id: number }>
        )
        const [note] = yield* notes
        const deletion = { name: "delete_note", arguments: { id: note?.id } }
        const refused = yield* Effect.promise(() => old.callTool(deletion))
        assert.isTrue(refused.isError)
        assert.include(JSON.stringify(refused.content), "cannot show questions")
        assert.lengthOf(yield* notes, 1)

        const asked: Array<string> = []
        const answers = [{ action: "decline" as const }, { action: "accept" as const, content: { sure: true } }]
        client.setRequestHandler("elicitation/create", async ({ params: { message } }) => {
          asked.push(message)
          return answers[asked.length - 1] ?? { action: "cancel" as const }
        })
        const kept = yield* Effect.promise(() => client.callTool(deletion))
        assert.include(JSON.stringify(kept.content), "wants to keep")
        assert.lengthOf(yield* notes, 1)
        const gone = yield* Effect.promise(() => client.callTool(deletion))
        assert.include(JSON.stringify(gone.content), "is deleted")
        assert.lengthOf(yield* notes, 0)
        assert.deepStrictEqual(asked, ['Delete the note "Keep me"?', 'Delete the note "Keep me"?'])
      }).pipe(Effect.scoped)
  )
})
