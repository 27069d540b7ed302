import { assert, layer } from "@effect/vitest"
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from "@modelcontextprotocol/client"
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Effect } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import { admitted, REDIRECT_URI } from "../support/client.ts"
import { allow } from "../support/consent.ts"
import { TestDatabase } from "../support/postgres.ts"

const INFO = { name: "test client", version: "1.0.0" }

interface Tokens {
  readonly access_token: string
  readonly token_type: string
  readonly refresh_token?: string | undefined
}

/** What both SDKs ask of a client with a pre-registered id: memory, and a browser to open. */
const newProvider = () => {
  const memory: { tokens?: Tokens; verifier: string; opened: Array<URL> } = { verifier: "", opened: [] }
  return {
    memory,
    provider: {
      redirectUrl: REDIRECT_URI,
      clientMetadata: { client_name: "test client", redirect_uris: [REDIRECT_URI] },
      state: () => "a state",
      clientInformation: () => ({ client_id: "demo" }),
      // biome-ignore lint/suspicious/noExplicitAny: the two SDKs type the same object differently
      tokens: (): any => memory.tokens,
      saveTokens: (tokens: Tokens) => {
        memory.tokens = tokens
      },
      redirectToAuthorization: (url: URL) => {
        memory.opened.push(url)
      },
      saveCodeVerifier: (verifier: string) => {
        memory.verifier = verifier
      },
      codeVerifier: () => memory.verifier
    }
  }
}

const rejection = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: Error) => error
  )

layer(testApp(TestDatabase.pglite), { excludeTestServices: true, timeout: "60 seconds" })("MCP SDK clients", (it) => {
  it.effect("v1 links itself with its own OAuth provider, lists, calls, refreshes and goes on", () =>
    Effect.gen(function* () {
      const { baseUrl, sql } = yield* TestApp
      const { memory, provider } = newProvider()
      const url = new URL(`${baseUrl}/mcp`)
      const first = new TransportV1(url, { authProvider: provider })
      const refused = yield* Effect.promise(() => rejection(new ClientV1(INFO).connect(first as never)))
      assert.strictEqual(refused?.constructor.name, "UnauthorizedError")
      const callback = yield* allow(memory.opened[0] ?? new URL("missing:"))
      yield* Effect.promise(() => first.finishAuth(callback.searchParams.get("code") ?? ""))

      const client = new ClientV1(INFO)
      yield* Effect.promise(() => client.connect(new TransportV1(url, { authProvider: provider }) as never))
      const { tools } = yield* Effect.promise(() => client.listTools())
      assert.includeMembers(
        tools.map(({ name }) => name),
        ["calculator", "get_weather", "search_web"]
      )
      const sum = () => client.callTool({ name: "calculator", arguments: { expression: "0.1 + 0.2" } })
      assert.deepInclude((yield* Effect.promise(sum)).structuredContent as object, { result: "0.3" })

      const before = memory.tokens?.access_token ?? ""
      yield* sql`update mcp.oauth_access_tokens set expires_at = clock_timestamp()`.pipe(Effect.orDie)
      assert.isFalse(yield* admitted(before))
      assert.deepInclude((yield* Effect.promise(sum)).structuredContent as object, { result: "0.3" })
      assert.notStrictEqual(memory.tokens?.access_token, before)
      yield* Effect.promise(() => client.close())
    })
  )

  for (const [name, versionNegotiation] of [
    ["its default (2025) mode", undefined],
    ["auto mode", { mode: "auto" as const }],
    ["2026-07-28 pinned", { mode: { pin: "2026-07-28" } }]
  ] as const) {
    it.effect(`v2 in ${name} links itself with its own OAuth provider, lists and calls`, () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const { memory, provider } = newProvider()
        const url = new URL(`${baseUrl}/mcp`)
        const options = versionNegotiation === undefined ? {} : { versionNegotiation }
        const first = new TransportV2(url, { authProvider: provider })
        const refused = yield* Effect.promise(() => rejection(new ClientV2(INFO, options).connect(first)))
        assert.strictEqual(refused?.constructor.name, "UnauthorizedError", refused?.stack)
        const callback = yield* allow(memory.opened[0] ?? new URL("missing:"))
        yield* Effect.promise(() => first.finishAuth(callback.searchParams))

        const client = new ClientV2(INFO, options)
        yield* Effect.promise(() => client.connect(new TransportV2(url, { authProvider: provider })))
        const { tools } = yield* Effect.promise(() => client.listTools())
        assert.includeMembers(
          tools.map(({ name }) => name),
          ["calculator", "get_weather", "search_web"]
        )
        const result = yield* Effect.promise(() =>
          client.callTool({ name: "calculator", arguments: { expression: "2^10" } })
        )
        assert.deepInclude(result.structuredContent as object, { result: "1024" })
        yield* Effect.promise(() => client.close())
      })
    )
  }
})
