import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import * as ClientSecret from "../../../src/oauth/clients/secret.ts"
import { TestApp, testApp } from "../../support/app.ts"
import {
  type Answer,
  admitted,
  exchange,
  newPkce,
  obtainCode,
  obtainTokens,
  postForm,
  refresh,
  request,
  rowCounts
} from "../../support/client.ts"
import { TestDatabase } from "../../support/postgres.ts"

const SECRET = "p:a s+s%w örd"

/** A confidential client with a secret that a person chose. */
const confidential = Effect.gen(function* () {
  const registry = yield* ClientRegistry
  yield* registry.save({
    clientId: "confidential",
    name: "Confidential",
    redirectUris: ["http://127.0.0.1/callback"],
    grantTypes: ["authorization_code", "refresh_token"],
    authMethods: ["client_secret_basic", "client_secret_post"],
    secret: yield* ClientSecret.hash(Redacted.make(SECRET)),
    disabled: false,
    origin: "configured",
    keys: undefined
  })
  return "confidential"
})

const formEncode = (text: string) => new URLSearchParams({ x: text }).toString().slice(2)
const basic = (id: string, secret: string) =>
  `Basic ${Buffer.from(`${formEncode(id)}:${formEncode(secret)}`).toString("base64")}`

const isError = (answer: Answer, status: number, error: string) => {
  assert.strictEqual(answer.status, status, answer.text)
  assert.strictEqual(answer.body.error, error)
  assert.match(answer.body.error_description, /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
  assert.strictEqual(answer.headers.get("content-type"), "application/json")
  assert.strictEqual(answer.headers.get("cache-control"), "no-store")
  assert.strictEqual(answer.headers.get("pragma"), "no-cache")
}

/** Refused, without a trace, and the code is still good afterwards. */
const spendsNothing = Effect.fn("test.spendsNothing")(function* (
  attempt: (code: { readonly code: string; readonly verifier: string }) => ReturnType<typeof exchange>,
  status: number,
  error: string
) {
  const code = yield* obtainCode()
  const before = yield* rowCounts()
  isError(yield* attempt(code), status, error)
  assert.deepStrictEqual(yield* rowCounts(), before)
  assert.strictEqual((yield* exchange(code)).status, 200)
})

layer(testApp(TestDatabase.pglite), { excludeTestServices: true, timeout: "60 seconds" })("/token, codes", (it) => {
  it.effect("TK1 a valid exchange answers both tokens, their life and scope, and no cache keeps it", () =>
    Effect.gen(function* () {
      const { status, headers, body } = yield* exchange(yield* obtainCode())
      assert.strictEqual(status, 200)
      assert.match(body.access_token, /^mcp_at_/)
      assert.match(body.refresh_token, /^mcp_rt_/)
      assert.strictEqual(body.token_type, "Bearer")
      assert.strictEqual(body.expires_in, 3600)
      assert.strictEqual(body.scope, "mcp.tools.call offline_access")
      assert.strictEqual(headers.get("cache-control"), "no-store")
      assert.strictEqual(headers.get("pragma"), "no-cache")
      assert.isTrue(yield* admitted(body.access_token))
    })
  )

  it.effect("TK2 a missing grant_type is invalid_request, an unknown one unsupported_grant_type", () =>
    Effect.gen(function* () {
      isError(yield* postForm("/token", { client_id: "demo" }), 400, "invalid_request")
      for (const grant_type of ["password", "client_credentials", "junk", "__proto__"]) {
        isError(yield* postForm("/token", { client_id: "demo", grant_type }), 400, "unsupported_grant_type")
      }
    })
  )

  it.effect("TK3 a repeated parameter, and any parameter in the URL, is invalid_request", () =>
    Effect.gen(function* () {
      const { code, verifier } = yield* obtainCode()
      const pairs = Object.entries({
        grant_type: "authorization_code",
        client_id: "demo",
        code,
        code_verifier: verifier
      })
      for (const pair of pairs) isError(yield* postForm("/token", [...pairs, pair]), 400, "invalid_request")
      isError(yield* postForm(`/token?code=${code}`, pairs), 400, "invalid_request")
      isError(yield* postForm(`/token?${new URLSearchParams(pairs)}`, []), 400, "invalid_request")
      assert.strictEqual((yield* postForm("/token", pairs)).status, 200)
    })
  )

  it.effect("TK20 a thousand parameters are read, and of more none, though they be empty", () =>
    Effect.gen(function* () {
      const { code, verifier } = yield* obtainCode()
      const form = `grant_type=authorization_code&client_id=demo&code=${code}&code_verifier=${verifier}`
      const sent = (body: string) =>
        request("/token", { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body })
      const refused = yield* sent(form + "&".repeat(997))
      isError(refused, 400, "invalid_request")
      assert.strictEqual(refused.body.error_description, "the form has too many parameters")
      assert.strictEqual((yield* sent(form + "&".repeat(996))).status, 200)
    })
  )

  it.effect(
    "F5, F16 TK3 resource alone may be repeated: each has to be ours, in whatever case its host is written",
    () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const resource = `${baseUrl}/mcp`
        const pairsOf = (code: { readonly code: string; readonly verifier: string }) => [
          ...Object.entries({
            grant_type: "authorization_code",
            client_id: "demo",
            code: code.code,
            code_verifier: code.verifier
          }),
          ["resource", resource] as const
        ]
        const foreign = ["resource", "https://other.example/mcp"] as const
        yield* spendsNothing((code) => postForm("/token", [...pairsOf(code), foreign]), 400, "invalid_target")
        yield* spendsNothing((code) => postForm("/token", [foreign, ...pairsOf(code)]), 400, "invalid_target")
        const again = ["resource", resource.replace("http://localhost", "HTTP://LOCALHOST")] as const
        const answer = yield* postForm("/token", [...pairsOf(yield* obtainCode()), again])
        assert.strictEqual(answer.status, 200, answer.text)
        const refreshed = yield* postForm("/token", [
          ["grant_type", "refresh_token"],
          ["client_id", "demo"],
          ["refresh_token", answer.body.refresh_token],
          ["resource", resource],
          again
        ])
        assert.strictEqual(refreshed.status, 200, refreshed.text)
      })
  )

  it.effect("TK4 without the right verifier there is no token, and the right one still works afterwards", () =>
    Effect.gen(function* () {
      yield* spendsNothing((code) => exchange(code, { code_verifier: "" }), 400, "invalid_request")
      yield* spendsNothing((code) => exchange(code, { code_verifier: newPkce().verifier }), 400, "invalid_grant")
      for (const bad of ["a".repeat(42), "a".repeat(129), `${"a".repeat(43)}+`]) {
        yield* spendsNothing((code) => exchange(code, { code_verifier: bad }), 400, "invalid_request")
      }
    })
  )

  it.effect("TK5 only POST, and only a form", () =>
    Effect.gen(function* () {
      const get = yield* request("/token")
      assert.strictEqual(get.status, 405)
      assert.strictEqual(get.headers.get("allow"), "POST")
      const form = "application/x-www-form-urlencoded"
      for (const type of ["application/json", `text/plain; x=${form}`, "multipart/form-data", ""]) {
        isError(yield* postForm("/token", { client_id: "demo" }, { "content-type": type }), 400, "invalid_request")
      }
      const { code, verifier } = yield* obtainCode()
      assert.strictEqual(
        (yield* exchange({ code, verifier }, {}, { "content-type": `${form}; charset=UTF-8` })).status,
        200
      )
    })
  )

  it.effect("TK6 failed client authentication is 401, with a Basic challenge for Basic, and never 500", () =>
    Effect.gen(function* () {
      const client_id = yield* confidential
      const form = { grant_type: "authorization_code", code: "x", code_verifier: "a".repeat(43) }
      for (const body of [{ client_id: "nobody" }, { client_id }, { client_id, client_secret: "wrong" }, {}]) {
        const answer = yield* postForm("/token", { ...form, ...body } as Record<string, string>)
        isError(answer, 401, "invalid_client")
        assert.isNull(answer.headers.get("www-authenticate"))
      }
      const malformed = [
        "Basic",
        "Basic !!!",
        `Basic ${btoa("nocolon")}`,
        `Basic ${btoa("%zz:x")}`,
        `Basic ${btoa(":x")}`,
        "Bearer x",
        ""
      ]
      for (const authorization of [basic(client_id, "wrong"), basic("nobody", "x"), ...malformed]) {
        const answer = yield* postForm("/token", form, { authorization })
        isError(answer, 401, "invalid_client")
        if (authorization !== "") assert.match(answer.headers.get("www-authenticate") ?? "", /^Basic realm=/)
      }
    })
  )

  it.effect("TK6 the scheme of Basic is case-insensitive", () =>
    Effect.gen(function* () {
      const client_id = yield* confidential
      for (const scheme of ["basic", "BASIC", "Basic"]) {
        const authorization = basic(client_id, SECRET).replace("Basic", scheme)
        isError(yield* postForm("/token", { grant_type: "junk" }, { authorization }), 400, "unsupported_grant_type")
      }
    })
  )

  it.effect("TK7 two methods at once, or an id that differs, is invalid_request; an unregistered method is 401", () =>
    Effect.gen(function* () {
      const client_id = yield* confidential
      const authorization = basic(client_id, SECRET)
      // Who is not authenticated is not told so of the grant type.
      const grant_type = "junk"
      isError(yield* postForm("/token", { grant_type }, { authorization }), 400, "unsupported_grant_type")
      for (const more of [{ client_secret: SECRET }, { client_assertion: "x" }, { client_id: "demo" }]) {
        isError(yield* postForm("/token", { grant_type, ...more }, { authorization }), 400, "invalid_request")
      }
      isError(yield* postForm("/token", { client_id: "demo", client_secret: "x" }), 401, "invalid_client")
      isError(yield* postForm("/token", {}, { authorization: basic("demo", "x") }), 401, "invalid_client")
    })
  )

  it.effect("TK8 Basic with form-encoded parts and secret_post both work for a confidential client", () =>
    Effect.gen(function* () {
      const client_id = yield* confidential
      for (const [body, headers] of [
        [{ client_id: "" }, { authorization: basic(client_id, SECRET) }],
        [{ client_id, client_secret: SECRET }, {}]
      ] as const) {
        const answer = yield* exchange(yield* obtainCode({ client_id }), body, headers)
        assert.strictEqual(answer.status, 200, answer.text)
      }
    })
  )

  it.effect("TK9 of 50 exchanges of one code at once exactly one succeeds, and its pair is dead afterwards", () =>
    Effect.gen(function* () {
      const code = yield* obtainCode()
      const answers = yield* Effect.all(
        Array.from({ length: 50 }, () => exchange(code)),
        { concurrency: "unbounded" }
      )
      const won = answers.filter(({ status }) => status === 200)
      assert.strictEqual(won.length, 1)
      for (const answer of answers) if (answer.status !== 200) isError(answer, 400, "invalid_grant")
      assert.isFalse(yield* admitted(won[0]?.body.access_token))
      isError(yield* refresh(won[0]?.body.refresh_token), 400, "invalid_grant")
    })
  )

  it.effect("TK10 a replay is invalid_grant and ends the access token, even after cleanup took the code", () =>
    Effect.gen(function* () {
      const code = yield* obtainCode()
      const { body } = yield* exchange(code)
      assert.isTrue(yield* admitted(body.access_token))
      isError(yield* exchange(code), 400, "invalid_grant")
      assert.isFalse(yield* admitted(body.access_token))
      const { sql } = yield* TestApp
      const [session] = yield* sql`
        select status, status_reason from mcp.mcp_sessions order by created_at desc limit 1`.pipe(Effect.orDie)
      assert.deepStrictEqual(session, { status: "revoked", status_reason: "authorization code redeemed again" })
    })
  )

  it.effect("TK10, TK11 a replay with a wrong verifier, redirect or client revokes nothing", () =>
    Effect.gen(function* () {
      const client_id = yield* confidential
      const code = yield* obtainCode()
      const { body } = yield* exchange(code)
      isError(yield* exchange(code, { code_verifier: newPkce().verifier }), 400, "invalid_grant")
      isError(yield* exchange(code, { redirect_uri: "http://127.0.0.1:1/callback" }), 400, "invalid_grant")
      isError(yield* exchange(code, { client_id, client_secret: SECRET }), 400, "invalid_grant")
      assert.isTrue(yield* admitted(body.access_token))
    })
  )

  it.effect("TK11, TK13 another client or another redirect_uri spends nothing", () =>
    Effect.gen(function* () {
      const client_id = yield* confidential
      yield* spendsNothing((code) => exchange(code, { client_id, client_secret: SECRET }), 400, "invalid_grant")
      yield* spendsNothing(
        (code) => exchange(code, { redirect_uri: "http://127.0.0.1:1/callback" }),
        400,
        "invalid_grant"
      )
      yield* spendsNothing((code) => exchange(code, { redirect_uri: "https://evil.example/cb" }), 400, "invalid_grant")
    })
  )

  it.effect("TK13 a redirect_uri may be left out, as OAuth 2.1 has it", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* exchange(yield* obtainCode(), { redirect_uri: "" })).status, 200)
    })
  )

  it.effect("TK12 a code with its secret part changed leaves the grant alone", () =>
    spendsNothing((code) => exchange({ ...code, code: `${code.code.slice(0, -4)}AAAA` }), 400, "invalid_grant")
  )

  it.effect("TK14 a foreign resource spends nothing", () =>
    Effect.gen(function* () {
      for (const resource of ["https://other.example/mcp", "javascript:alert(1)", "http://localhost/mcp#x"]) {
        yield* spendsNothing((code) => exchange(code, { resource }), 400, "invalid_target")
      }
      const { baseUrl } = yield* TestApp
      assert.strictEqual((yield* exchange(yield* obtainCode(), { resource: `${baseUrl}/mcp` })).status, 200)
    })
  )

  it.effect("TK15 a code lives for 60 seconds", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const code = yield* obtainCode()
      const [life] = yield* sql`
        select extract(epoch from max(expires_at) - clock_timestamp())::int as seconds
        from mcp.oauth_authorization_codes`.pipe(Effect.orDie)
      assert.approximately(Number(life?.seconds), 60, 2)
      yield* sql`update mcp.oauth_authorization_codes set expires_at = clock_timestamp()`.pipe(Effect.orDie)
      isError(yield* exchange(code), 400, "invalid_grant")
    })
  )

  it.effect("TK16 a client that is not registered for refresh_token gets none", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const registry = yield* ClientRegistry
      const demo = yield* registry.find("demo")
      assert.isDefined(demo)
      if (demo) yield* registry.save({ ...demo, clientId: "tk16", grantTypes: ["authorization_code"] })
      const { body } = yield* exchange(yield* obtainCode({ client_id: "tk16" }), { client_id: "tk16" })
      assert.isUndefined(body.refresh_token)
      assert.isTrue(yield* admitted(body.access_token))
      isError(yield* refresh("x", { client_id: "tk16" }), 400, "unauthorized_client")
      const [row] = yield* sql`
        select count(*)::int as n from mcp.oauth_refresh_tokens r join mcp.mcp_sessions s on s.id = r.session_id
        where s.client_id = 'tk16'`.pipe(Effect.orDie)
      assert.strictEqual(row?.n, 0)
    })
  )

  it.effect(
    "TK17 a client that was disabled gets invalid_grant, and its tokens are dead; a deleted one is invalid_client",
    () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApp
        const registry = yield* ClientRegistry
        const demo = yield* registry.find("demo")
        if (demo) yield* registry.save({ ...demo, clientId: "tk17" })
        const code = yield* obtainCode({ client_id: "tk17" })
        const { body } = yield* exchange(yield* obtainCode({ client_id: "tk17" }), { client_id: "tk17" })
        yield* sql`update mcp.oauth_clients set disabled_at = now() where client_id = 'tk17'`.pipe(Effect.orDie)
        isError(yield* exchange(code, { client_id: "tk17" }), 400, "invalid_grant")
        isError(yield* refresh(body.refresh_token, { client_id: "tk17" }), 400, "invalid_grant")
        assert.isFalse(yield* admitted(body.access_token))
        yield* sql`delete from mcp.oauth_clients where client_id = 'tk17'`.pipe(Effect.orDie)
        isError(yield* exchange(code, { client_id: "tk17" }), 401, "invalid_client")
      })
  )

  it.effect("TK19 answers and errors may be read by allowed origins, and a preflight is answered", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      for (const origin of [baseUrl, "http://localhost:6274", "http://127.0.0.1:1"]) {
        const answer = yield* postForm("/token", { client_id: "demo" }, { origin })
        assert.strictEqual(answer.headers.get("access-control-allow-origin"), origin)
        const preflight = yield* request("/token", {
          method: "OPTIONS",
          headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type" }
        })
        assert.strictEqual(preflight.status, 204)
        assert.strictEqual(preflight.headers.get("access-control-allow-origin"), origin)
      }
    })
  )

  it.effect("MC4 a foreign or null origin is refused at /token and /revoke", () =>
    Effect.gen(function* () {
      for (const origin of ["https://evil.example", "null", `${(yield* TestApp).baseUrl}.evil.example`]) {
        for (const path of ["/token", "/revoke"]) {
          const answer = yield* postForm(path, { client_id: "demo" }, { origin })
          assert.strictEqual(answer.status, 403)
          assert.isNull(answer.headers.get("access-control-allow-origin"))
        }
      }
    })
  )

  it.effect("TK20 a body of 64 KiB and one byte is 413, declared or chunked; 100,000 parameters do no harm", () =>
    Effect.gen(function* () {
      const headers = { "content-type": "application/x-www-form-urlencoded" }
      isError(yield* request("/token", { method: "POST", headers, body: "a".repeat(65_537) }), 413, "invalid_request")
      const chunked = new ReadableStream({
        start: (controller) => {
          for (let sent = 0; sent < 70; sent++) controller.enqueue(new TextEncoder().encode("a".repeat(1024)))
          controller.close()
        }
      })
      const init: RequestInit & { duplex: "half" } = { method: "POST", headers, body: chunked, duplex: "half" }
      isError(yield* request("/token", init), 413, "invalid_request")
      isError(
        yield* request("/token", { method: "POST", headers, body: "&a=1".repeat(16_000) }),
        400,
        "invalid_request"
      )
      isError(
        yield* request("/token", { method: "POST", headers, body: "a=1&".repeat(100_000) }),
        413,
        "invalid_request"
      )
      isError(
        yield* request("/token", { method: "POST", headers, body: new Uint8Array([0xff, 0xfe]) }),
        400,
        "invalid_request"
      )
    })
  )

  it.effect("errors of the protocol never depend on what the store says", () =>
    Effect.gen(function* () {
      const one = yield* refresh("mcp_rt_junk")
      const other = yield* refresh((yield* obtainTokens()).access_token)
      assert.deepStrictEqual(one.body, other.body)
    })
  )
})
