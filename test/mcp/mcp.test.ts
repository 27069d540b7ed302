import { connect } from "node:net"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import { type Answer, admitted, call, messageOf, obtainTokens, refresh, request, rpc } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"

const challengeOf = (answer: Answer) => answer.headers.get("www-authenticate") ?? ""
const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {},
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" }
}

/** A message on the 2026-07-28 wire; `over` replaces headers. */
const modern = (
  token: string,
  method: string,
  params: Record<string, unknown> = {},
  over: Record<string, string | undefined> = {}
) => {
  const headers: Record<string, string | undefined> = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    authorization: `Bearer ${token}`,
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": method,
    ...(typeof params.name === "string" ? { "mcp-name": params.name } : {}),
    ...over
  }
  return request("/mcp", {
    method: "POST",
    body: JSON.stringify({ jsonrpc: "2.0", id: 7, method, params: { _meta: META, ...params } }),
    headers: Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
    )
  })
}

layer(testApp(TestDatabase.pglite), { excludeTestServices: true, timeout: "60 seconds" })("/mcp", (it) => {
  it.effect(
    "BR1, F4 without credentials: 401, where to find metadata, every scope that the tools need, and no error",
    () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const expected = `Bearer resource_metadata="${baseUrl}/.well-known/oauth-protected-resource/mcp", scope="mcp.tools.call mcp.web.read"`
        const answer = yield* rpc(undefined, "tools/list")
        assert.strictEqual(answer.status, 401)
        assert.strictEqual(challengeOf(answer), expected)
        const inBasic = yield* rpc(undefined, "tools/list", {}, { authorization: "Basic eDp5" })
        assert.strictEqual(inBasic.status, 401)
        assert.strictEqual(challengeOf(inBasic), expected)
      })
  )

  it.effect("BR2, BR3 an unknown, malformed or enormous token is invalid_token and never a 5xx", () =>
    Effect.gen(function* () {
      for (const authorization of [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer unknown",
        `Bearer ${"a".repeat(10_000)}`,
        'Bearer "',
        "Bearer \u00e9"
      ]) {
        const answer = yield* rpc(undefined, "tools/list", {}, { authorization })
        assert.strictEqual(answer.status, 401, authorization)
        assert.include(challengeOf(answer), 'error="invalid_token"')
        assert.include(challengeOf(answer), "resource_metadata=")
        assert.strictEqual(answer.body.error, "invalid_token")
      }
    })
  )

  it.effect("BR2 an expired and a revoked token are refused by the very next request", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      for (const end of ["expires_at", "revoked_at"]) {
        const { access_token } = yield* obtainTokens()
        assert.isTrue(yield* admitted(access_token))
        yield* sql`update mcp.oauth_access_tokens set ${sql(end)} = clock_timestamp()`.pipe(Effect.orDie)
        assert.isFalse(yield* admitted(access_token))
      }
    })
  )

  it.effect("BR4 the scheme is case-insensitive; BR6 a token in the URL is not looked at", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      for (const scheme of ["bearer", "BEARER"]) {
        const answer = yield* rpc(undefined, "tools/list", {}, { authorization: `${scheme} ${access_token}` })
        assert.strictEqual(answer.status, 200)
      }
      const inUrl = yield* request(`/mcp?access_token=${access_token}`, { method: "POST" })
      assert.strictEqual(inUrl.status, 401)
      assert.notInclude(challengeOf(inUrl), "error=")
    })
  )

  it.effect("BR5 two Authorization headers are refused, in either order", () =>
    Effect.gen(function* () {
      const { port } = yield* TestApp
      const { access_token } = yield* obtainTokens()
      const good = `Authorization: Bearer ${access_token}`
      for (const pair of [
        [good, "Authorization: Bearer x"],
        ["Authorization: Basic eDp5", good],
        [good, good]
      ]) {
        const answer = yield* Effect.callback<string>((resume) => {
          let text = ""
          const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
          const head = [
            "POST /mcp HTTP/1.1",
            `Host: localhost:${port}`,
            "Content-Type: application/json",
            `Content-Length: ${body.length}`,
            "Connection: close",
            ...pair
          ]
          const socket = connect(port, "127.0.0.1", () => socket.write(`${head.join("\r\n")}\r\n\r\n${body}`))
          socket.on("data", (chunk) => {
            text += chunk
          })
          socket.on("close", () => resume(Effect.succeed(text)))
        })
        assert.match(answer, /^HTTP\/1\.1 40[01] /)
      }
    })
  )

  it.effect("BR7 a token for another resource is invalid_token", () =>
    Effect.gen(function* () {
      const { baseUrl, sql } = yield* TestApp
      const { access_token } = yield* obtainTokens()
      for (const other of ["https://other.example/mcp", `${baseUrl}/mcp-other`, baseUrl]) {
        yield* sql`update mcp.oauth_access_tokens set resource = ${other}`.pipe(Effect.orDie)
        const answer = yield* rpc(access_token, "tools/list")
        assert.strictEqual(answer.status, 401)
        assert.include(challengeOf(answer), 'error="invalid_token"')
      }
    })
  )

  it.effect("BR8 without mcp.tools.call no tool is called: 403 insufficient_scope with all that is needed", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens({ scope: "offline_access" })
      for (const answer of [
        yield* call(access_token, "calculator", { expression: "1" }),
        yield* modern(access_token, "tools/call", { name: "calculator", arguments: { expression: "1" } })
      ]) {
        assert.strictEqual(answer.status, 403)
        assert.include(challengeOf(answer), 'error="insufficient_scope"')
        assert.include(challengeOf(answer), 'scope="mcp.tools.call"')
        assert.strictEqual(
          answer.body.error_description,
          "the access token lacks what this operation needs: mcp.tools.call"
        )
        assert.include(challengeOf(answer), "resource_metadata=")
      }
    })
  )

  it.effect("BR9 a refresh token or a code is no bearer token", () =>
    Effect.gen(function* () {
      const { refresh_token } = yield* obtainTokens()
      assert.isFalse(yield* admitted(refresh_token))
    })
  )

  it.effect("BR11 every token of a compromised session is refused at once", () =>
    Effect.gen(function* () {
      const first = yield* obtainTokens()
      const { body } = yield* refresh(first.refresh_token)
      yield* refresh(first.refresh_token)
      assert.isFalse(yield* admitted(first.access_token))
      assert.isFalse(yield* admitted(body.access_token))
    })
  )

  it.effect(
    "MC2, MC3 a listed or absent Origin passes; null, look-alikes and garbage are 403 before the token is read",
    () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const { access_token } = yield* obtainTokens()
        for (const origin of [baseUrl, "http://127.0.0.1:9999"]) {
          assert.strictEqual((yield* rpc(access_token, "tools/list", {}, { origin })).status, 200)
        }
        for (const origin of ["null", "https://evil.example", `${baseUrl}.evil.example`, "garbage"]) {
          assert.strictEqual((yield* rpc(access_token, "tools/list", {}, { origin })).status, 403, origin)
          assert.strictEqual((yield* rpc(undefined, "tools/list", {}, { origin })).status, 403, origin)
        }
      })
  )

  it.effect("MC5 other methods are 401 without and 405 with a token", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      for (const method of ["GET", "DELETE", "PUT", "PATCH"]) {
        const anonymous = yield* request("/mcp", { method })
        assert.strictEqual(anonymous.status, 401)
        assert.notInclude(challengeOf(anonymous), "error=")
        const known = yield* request("/mcp", { method, headers: { authorization: `Bearer ${access_token}` } })
        assert.strictEqual(known.status, 405)
        assert.strictEqual(known.headers.get("allow"), "POST")
      }
    })
  )

  it.effect("MC6, F12 content that is not JSON is 415, an Accept of neither type 406, broken JSON -32700", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      assert.strictEqual((yield* rpc(access_token, "tools/list", {}, { "content-type": "text/plain" })).status, 415)
      assert.strictEqual((yield* rpc(access_token, "tools/list", {}, { accept: "text/html" })).status, 406)
      const headers = { authorization: `Bearer ${access_token}`, "content-type": "application/json" }
      for (const body of ["{", "", '{"a":1,"a":2}', '["\\ud800"]', "[".repeat(100_000)]) {
        const answer = yield* request("/mcp", { method: "POST", headers, body })
        assert.strictEqual(answer.status, 400)
        assert.strictEqual(answer.body.error.code, -32700)
      }
    })
  )

  it.effect(
    "MC7, MC8 the 2026-07-28 headers must be there, agree with the body, and name a version that is served",
    () =>
      Effect.gen(function* () {
        const { access_token } = yield* obtainTokens()
        const params = { name: "calculator", arguments: { expression: "1+1" } }
        const refusals: ReadonlyArray<readonly [Record<string, string | undefined>, number, number]> = [
          [{ "mcp-protocol-version": undefined }, 400, -32020],
          [{ "mcp-protocol-version": "2025-11-25" }, 400, -32020],
          [{ "mcp-method": undefined }, 400, -32020],
          [{ "mcp-method": "tools/list" }, 400, -32020],
          [{ "mcp-name": undefined }, 400, -32020],
          [{ "mcp-name": "other" }, 400, -32020]
        ]
        for (const [over, status, code] of refusals) {
          const answer = yield* modern(access_token, "tools/call", params, over)
          assert.strictEqual(answer.status, status, JSON.stringify(over))
          assert.strictEqual(answer.body.error.code, code, JSON.stringify(over))
        }
        const version = { _meta: { ...META, "io.modelcontextprotocol/protocolVersion": "2099-01-01" } }
        const unknown = yield* modern(access_token, "tools/list", version, { "mcp-protocol-version": "2099-01-01" })
        assert.strictEqual(unknown.status, 400)
        assert.strictEqual(unknown.body.error.code, -32022)
        assert.include(unknown.body.error.data.supported, "2026-07-28")
        const { "io.modelcontextprotocol/clientCapabilities": _, ...partial } = META
        const incomplete = yield* modern(access_token, "tools/list", { _meta: partial })
        assert.strictEqual(incomplete.status, 400)
        assert.strictEqual(incomplete.body.error.code, -32602)
        const removed = yield* modern(access_token, "initialize")
        assert.strictEqual(removed.status, 404)
        assert.strictEqual(removed.body.error.code, -32601)
        const base64 = `=?base64?${btoa("calculator")}?=`
        assert.strictEqual((yield* modern(access_token, "tools/call", params, { "mcp-name": base64 })).status, 200)
      })
  )

  it.effect("MC9 a body over 1 MiB is 413, and without a token no body is read at all", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      const huge = { text: "a".repeat(1024 * 1024) }
      assert.strictEqual((yield* rpc(access_token, "tools/list", huge)).status, 413)
      assert.strictEqual((yield* rpc(undefined, "tools/list", huge)).status, 401)
      assert.strictEqual((yield* request("/mcp", { method: "POST", body: "{" })).status, 401)
      assert.isTrue(yield* admitted(access_token))
    })
  )

  it.effect("both eras list the tools with schemas and all four annotations, and no cache keeps the answers", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      for (const answer of [yield* rpc(access_token, "tools/list"), yield* modern(access_token, "tools/list")]) {
        assert.strictEqual(answer.status, 200)
        assert.include(answer.headers.get("cache-control"), "no-store")
        const { tools } = messageOf(answer).result
        assert.sameMembers(
          tools.map((tool: { name: string }) => tool.name),
          ["calculator", "get_weather", "search_web", "search", "fetch"]
        )
        for (const tool of tools) {
          assert.isAbove(tool.title.length, 0)
          assert.isAbove(tool.description.length, 0)
          assert.strictEqual(tool.inputSchema.type, "object")
          assert.strictEqual(tool.outputSchema.type, "object")
          for (const hint of ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"]) {
            assert.isBoolean(tool.annotations[hint], `${tool.name} ${hint}`)
          }
        }
      }
    })
  )

  it.effect("both eras call a tool: structured content with its text, failures and bad arguments as isError", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      const both = (args: unknown) =>
        Effect.all([
          call(access_token, "calculator", args),
          modern(access_token, "tools/call", { name: "calculator", arguments: args })
        ])
      for (const answer of yield* both({ expression: "0.1 + 0.2" })) {
        const { result } = messageOf(answer)
        assert.strictEqual(result.structuredContent.result, "0.3")
        assert.deepStrictEqual(JSON.parse(result.content[0].text), result.structuredContent)
        assert.isNotOk(result.isError)
      }
      for (const args of [{ expression: "1/0" }, {}, { expression: 1 }, { expression: "1", expresion: "2" }]) {
        for (const answer of yield* both(args)) {
          const { result } = messageOf(answer)
          assert.strictEqual(answer.status, 200)
          assert.strictEqual(result.isError, true, JSON.stringify(args))
          assert.isUndefined(result.structuredContent)
        }
      }
      const unknown = messageOf(yield* call(access_token, "nothing", {}))
      assert.strictEqual(unknown.error.code, -32602)
    })
  )

  it.effect("MC7 a 2025 initialize is answered and a notification is 202", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      for (const protocolVersion of ["2025-03-26", "2025-06-18", "2025-11-25"]) {
        const params = { protocolVersion, capabilities: {}, clientInfo: { name: "t", version: "1" } }
        const { result } = messageOf(
          yield* rpc(access_token, "initialize", params, { "mcp-protocol-version": protocolVersion })
        )
        assert.strictEqual(result.protocolVersion, protocolVersion)
        assert.strictEqual(result.serverInfo.name, "gatehouse")
        assert.isAtMost(result.instructions.length, 512)
      }
      const notification = yield* request("/mcp", {
        method: "POST",
        body: JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }),
        headers: {
          authorization: `Bearer ${access_token}`,
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          "mcp-protocol-version": "2025-11-25"
        }
      })
      assert.strictEqual(notification.status, 202)
    })
  )

  it.effect("MC12 many callers with equal ids each get their own answer", () =>
    Effect.gen(function* () {
      const tokens = yield* Effect.all(Array.from({ length: 10 }, () => obtainTokens()))
      const numbers = Array.from({ length: 500 }, (_, index) => index)
      yield* Effect.forEach(
        numbers,
        (number) =>
          Effect.gen(function* () {
            const token = tokens[number % tokens.length]?.access_token ?? ""
            const args = { expression: `${number} * 1000` }
            const answer =
              number % 2 === 0
                ? yield* call(token, "calculator", args)
                : yield* modern(token, "tools/call", { name: "calculator", arguments: args })
            assert.strictEqual(messageOf(answer).result.structuredContent.result, String(number * 1000))
          }),
        { concurrency: 50 }
      )
    })
  )

  it.effect("a preflight from an allowed origin is answered without a token", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const preflight = yield* request("/mcp", {
        method: "OPTIONS",
        headers: {
          origin: baseUrl,
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization,content-type,mcp-protocol-version,mcp-param-region"
        }
      })
      assert.strictEqual(preflight.status, 204)
      assert.strictEqual(preflight.headers.get("access-control-allow-origin"), baseUrl)
      assert.include(preflight.headers.get("access-control-allow-headers"), "mcp-param-region")
      const refused = yield* rpc(undefined, "tools/list", {}, { origin: baseUrl })
      assert.include(refused.headers.get("access-control-expose-headers"), "WWW-Authenticate")
    })
  )
})
