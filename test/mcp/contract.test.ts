import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import { testApp } from "../support/app.ts"
import {
  type Answer,
  admitted,
  call,
  listen,
  messageOf,
  obtainTokens,
  request,
  revoke,
  rpc
} from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"
import { testWeb } from "../support/publicWeb.ts"
import { withChanges } from "../support/toolset.ts"
import { answerJson, upstream } from "../support/upstream.ts"

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {}
}

/** A message on the 2026-07-28 wire. */
const modern = (token: string, method: string, params: Record<string, unknown> = {}, signal?: AbortSignal) =>
  request("/mcp", {
    method: "POST",
    ...(signal && { signal }),
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${token}`,
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(typeof params.name === "string" ? { "mcp-name": params.name } : {}),
      ...(typeof params.uri === "string" ? { "mcp-name": params.uri } : {})
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 7,
      method,
      params: { ...params, _meta: { ...META, ...Object(params._meta) } }
    })
  })

const options = { excludeTestServices: true, timeout: "60 seconds" } as const

layer(testApp(TestDatabase.quick), options)("what clients are told", (it) => {
  it.effect("each tool declares its scopes, in both places where ChatGPT looks, and its result's shape", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      for (const answer of [yield* rpc(access_token, "tools/list"), yield* modern(access_token, "tools/list")]) {
        const { tools } = messageOf(answer).result
        for (const tool of tools) {
          const scopes = tool.name === "fetch" ? ["mcp.tools.call", "mcp.web.read"] : ["mcp.tools.call"]
          assert.deepStrictEqual(tool.securitySchemes, [{ type: "oauth2", scopes }], tool.name)
          assert.deepStrictEqual(tool._meta.securitySchemes, tool.securitySchemes)
          assert.strictEqual(tool.outputSchema.type, "object")
          assert.isAtMost(tool.name.length, 64)
        }
      }
    })
  )

  it.effect("instructions fit into what clients read, and lists may be cached by all", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      const discovered = messageOf(yield* modern(access_token, "server/discover")).result
      assert.isAtMost(discovered.instructions.length, 512)
      for (const method of ["tools/list", "resources/list", "resources/templates/list", "server/discover"]) {
        const { result } = messageOf(yield* modern(access_token, method))
        assert.strictEqual(result.ttlMs, 300_000, method)
        assert.strictEqual(result.cacheScope, "public", method)
        assert.strictEqual(result.resultType, "complete", method)
      }
    })
  )

  it.effect("MC14 a cursor, an address or a name that was never given out is -32602", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      for (const method of ["tools/list", "resources/list", "resources/templates/list"]) {
        for (const cursor of ["", "x", "eyJvZmZzZXQiOjF9"]) {
          for (const answer of [
            yield* rpc(access_token, method, { cursor }),
            yield* modern(access_token, method, { cursor })
          ]) {
            assert.strictEqual(messageOf(answer).error?.code, -32602, `${method} ${cursor}`)
          }
        }
      }
      for (const uri of ["ui://gatehouse/other.html", "file:///etc/passwd"]) {
        assert.strictEqual(messageOf(yield* modern(access_token, "resources/read", { uri })).error?.code, -32602)
      }
      assert.strictEqual(messageOf(yield* call(access_token, "nothing", {})).error?.code, -32602)
    })
  )

  it.effect("the weather card is listed, linked from its tool, and self-contained", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      const { tools } = messageOf(yield* rpc(access_token, "tools/list")).result
      const { resourceUri } = tools.find(({ name }: { name: string }) => name === "get_weather")._meta.ui
      const { resources } = messageOf(yield* rpc(access_token, "resources/list")).result
      assert.deepStrictEqual(
        resources.map(({ uri, mimeType }: { uri: string; mimeType: string }) => ({ uri, mimeType })),
        [{ uri: resourceUri, mimeType: "text/html;profile=mcp-app" }]
      )
      for (const answer of [
        yield* rpc(access_token, "resources/read", { uri: resourceUri }),
        yield* modern(access_token, "resources/read", { uri: resourceUri })
      ]) {
        const [content] = messageOf(answer).result.contents
        assert.strictEqual(content.mimeType, "text/html;profile=mcp-app")
        assert.notMatch(content.text, /(src|href)=|@import|url\(|https?:\/\//)
      }
    })
  )
})

/** The `scope` of a challenge. */
const scopeOf = (challenge: string | null) => /scope="([^"]*)"/.exec(challenge ?? "")?.[1]

layer(testApp(TestDatabase.quick), options)("a tool that needs more than was granted", (it) => {
  const read = (token: string, meta?: object) =>
    rpc(token, "tools/call", {
      name: "fetch",
      arguments: { id: "https://page.example/" },
      ...(meta && { _meta: meta })
    })

  it.effect("F4 is a 403 that names what was granted and what is needed; asking for that is enough", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens({ scope: "mcp.tools.call offline_access" })
      for (const answer of [yield* read(access_token), yield* modern(access_token, "tools/call", { name: "fetch" })]) {
        assert.strictEqual(answer.status, 403)
        const challenge = answer.headers.get("www-authenticate")
        assert.include(challenge, 'error="insufficient_scope"')
        assert.include(challenge, "resource_metadata=")
        assert.strictEqual(scopeOf(challenge), "mcp.tools.call mcp.web.read")
        // What is missing, and not what there is already.
        assert.match(answer.body.error_description, /needs: mcp\.web\.read$/)
      }
      const more = yield* obtainTokens({ scope: "mcp.tools.call mcp.web.read" })
      const { result } = messageOf(yield* read(more.access_token))
      // Let in; that this page does not exist is another matter.
      assert.isTrue(result.isError)
      assert.match(result.content[0].text, /could not be fetched/)
    })
  )

  it.effect("F4 is a result with a challenge in it for ChatGPT, which makes nothing of a 403", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      const meta = { "openai/locale": "en" }
      const answers: ReadonlyArray<Answer> = [
        yield* read(access_token, meta),
        yield* modern(access_token, "tools/call", {
          name: "fetch",
          arguments: { id: "https://x.example/" },
          _meta: meta
        })
      ]
      for (const answer of answers) {
        assert.strictEqual(answer.status, 200)
        const { result } = messageOf(answer)
        assert.isTrue(result.isError)
        assert.notProperty(result, "structuredContent")
        assert.strictEqual(result.content[0].text, "This tool needs a permission that was not given: mcp.web.read.")
        const [challenge] = result._meta["mcp/www_authenticate"]
        assert.match(challenge, /^Bearer resource_metadata="/)
        assert.include(challenge, 'error="insufficient_scope"')
        assert.include(challenge, "error_description=")
        assert.strictEqual(scopeOf(challenge), "mcp.tools.call mcp.web.read")
      }
    })
  )

  it.effect("a token without mcp.tools.call calls nothing, however it asks", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens({ scope: "mcp.web.read" })
      assert.strictEqual((yield* call(access_token, "calculator", { expression: "1" })).status, 403)
      const inBand = yield* rpc(access_token, "tools/call", {
        name: "calculator",
        arguments: { expression: "1" },
        _meta: { "openai/locale": "en" }
      })
      assert.isTrue(messageOf(inBand).result.isError)
      assert.isTrue(yield* admitted(access_token))
    })
  )
})

const appWithChanges = (variables: Readonly<Record<string, string>> = {}) =>
  testApp(TestDatabase.quick, variables, PublicWeb.layer, withChanges)

describe("a stream", () => {
  /** Opens a listen stream and waits for its acknowledgement; `ended` is its whole text. */
  const listening = Effect.fn("listening")(function* (token: string) {
    const response = yield* listen(token)
    return { status: response.status, ended: Effect.promise(() => response.text()) }
  })

  it.live(
    "of subscriptions ends soon after its token is revoked, and when its token expires; others go on",
    () =>
      Effect.gen(function* () {
        const revoked = yield* obtainTokens()
        const other = yield* obtainTokens()
        const first = yield* listening(revoked.access_token)
        const second = yield* listening(other.access_token)
        assert.deepStrictEqual([first.status, second.status], [200, 200])
        yield* revoke(revoked.refresh_token)
        assert.include(yield* first.ended, "notifications/subscriptions/acknowledged")
        const stillOpen = yield* Effect.timeoutOption(second.ended, "100 millis")
        assert.strictEqual(stillOpen._tag, "None")
      }).pipe(Effect.provide(appWithChanges())),
    { timeout: 30_000 }
  )

  it.live(
    "ends with its token",
    () =>
      Effect.gen(function* () {
        const { access_token } = yield* obtainTokens()
        const { ended } = yield* listening(access_token)
        assert.include(yield* ended, "acknowledged")
        assert.isFalse(yield* admitted(access_token))
      }).pipe(Effect.provide(appWithChanges({ ACCESS_TOKEN_TTL_SECONDS: "2" }))),
    { timeout: 30_000 }
  )

  it.live("is not opened without end by one session", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      // Held to the end: a response that nobody holds is hung up by the collector, and its place is free again.
      const held = yield* Effect.forEach(Array.from({ length: 16 }), () => listening(access_token))
      assert.strictEqual((yield* listening(access_token)).status, 429)
      assert.strictEqual((yield* listening((yield* obtainTokens()).access_token)).status, 200)
      assert.isTrue(held.every(({ status }) => status === 200))
    }).pipe(Effect.provide(appWithChanges()))
  )
})

describe("well-known tokens", () => {
  it.live("openai-apps-challenge answers the configured token alone, and nothing without one", () =>
    Effect.gen(function* () {
      const ask = request("/.well-known/openai-apps-challenge")
      const set = yield* ask.pipe(
        Effect.provide(testApp(TestDatabase.quick, { OPENAI_APPS_CHALLENGE: "token-0123456789" }))
      )
      assert.strictEqual(set.status, 200)
      assert.strictEqual(set.text, "token-0123456789")
      assert.match(set.headers.get("content-type") ?? "", /^text\/plain/)
      assert.strictEqual((yield* ask.pipe(Effect.provide(testApp(TestDatabase.quick)))).status, 404)
    })
  )
})

describe("search and fetch (deep research)", () => {
  it.live(
    "search answers id, title and url; fetch reads a page by that id; both as one JSON text beside the structure",
    () =>
      Effect.gen(function* () {
        const article = "A paragraph of an article that is worth reading. ".repeat(20)
        const web = yield* testWeb({
          "/page": (response) =>
            response
              .writeHead(200, { "content-type": "text/html; charset=utf-8" })
              .end(
                `<html><head><title>The &amp; page</title><script>evil()</script></head><body><nav>Menu</nav>` +
                  `<article><h1>Heading</h1><p>${article}</p><p>hid\u202eden</p></article><footer>Foot</footer></body></html>`
              )
        })
        const provider = yield* upstream(
          answerJson({ results: [{ title: "The page", url: web.url("/page"), content: "…" }] })
        )
        yield* Effect.gen(function* () {
          const { access_token } = yield* obtainTokens({ scope: "mcp.tools.call mcp.web.read" })
          const found = messageOf(yield* call(access_token, "search", { query: "page" })).result
          assert.deepStrictEqual(found.structuredContent, {
            results: [{ id: web.url("/page"), title: "The page", url: web.url("/page") }]
          })
          assert.deepStrictEqual(JSON.parse(found.content[0].text), found.structuredContent)
          assert.lengthOf(found.content, 1)

          const read = messageOf(
            yield* call(access_token, "fetch", { id: found.structuredContent.results[0].id })
          ).result
          const { text, ...rest } = read.structuredContent
          assert.deepStrictEqual(rest, {
            id: web.url("/page"),
            title: "The & page",
            url: web.url("/page"),
            metadata: { truncated: "false" }
          })
          assert.match(text, /^Heading\n/)
          assert.include(text, "worth reading")
          assert.include(text, "hidden")
          assert.notMatch(text, /evil|Menu|Foot|<|\u202e/)
          assert.deepStrictEqual(JSON.parse(read.content[0].text), read.structuredContent)
        }).pipe(Effect.provide(testApp(TestDatabase.quick, { SEARXNG_URL: provider.url }, web.layer)))
      }).pipe(Effect.scoped)
  )
})
