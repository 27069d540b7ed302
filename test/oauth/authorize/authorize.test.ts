import { assert, layer } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import * as ConsentForm from "../../../src/oauth/authorize/consentForm.ts"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import { openCode } from "../../../src/oauth/grants/seal.ts"
import { ServerKeys } from "../../../src/oauth/tokens/ServerKeys.ts"
import { TestApp, testApp } from "../../support/app.ts"
import {
  type Answer,
  authorizeParameters,
  decide,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  obtainTokens,
  postForm,
  REDIRECT_URI,
  request,
  rowCounts
} from "../../support/client.ts"
import { TestDatabase } from "../../support/postgres.ts"

const { challenge } = newPkce()
const ask = (over: Readonly<Record<string, string | undefined>> = {}) =>
  getAuthorize(authorizeParameters(challenge, over))

const isPage = (answer: Answer, status: number) => {
  assert.strictEqual(answer.status, status, answer.text)
  assert.match(answer.headers.get("content-type") ?? "", /^text\/html/)
  assert.isNull(answer.headers.get("location"))
}

const isSent = Effect.fn("test.isSent")(function* (answer: Answer, error: string, state: string | null = "a state") {
  const { baseUrl } = yield* TestApp
  assert.strictEqual(answer.status, 303, answer.text)
  const location = locationOf(answer)
  assert.isTrue(location.href.startsWith(REDIRECT_URI))
  assert.strictEqual(location.searchParams.get("error"), error)
  assert.strictEqual(location.searchParams.get("state"), state)
  assert.deepStrictEqual(location.searchParams.getAll("iss"), [baseUrl])
  assert.isFalse(location.searchParams.has("code"))
})

const save = Effect.fn("test.save")(function* (clientId: string, redirectUris: ReadonlyArray<string>, name = clientId) {
  const registry = yield* ClientRegistry
  yield* registry.save({
    clientId,
    name,
    redirectUris,
    grantTypes: ["authorization_code", "refresh_token"],
    authMethods: ["none"],
    secret: undefined,
    disabled: false,
    origin: "configured",
    keys: undefined
  })
})

layer(testApp(TestDatabase.pglite), { excludeTestServices: true, timeout: "60 seconds" })("/authorize", (it) => {
  it.effect("AZ1, AZ2 GET and form POST lead to a consent page and, allowed, to code, state and iss", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const state = "s-._~ %&=+ä/?#\"'<>"
      const pairs = authorizeParameters(challenge, { state })
      for (const page of [yield* getAuthorize(pairs), yield* postForm("/authorize", pairs)]) {
        isPage(page, 200)
        const answer = yield* decide(formOf(page), "approve")
        assert.strictEqual(answer.status, 303)
        assert.strictEqual(answer.headers.get("cache-control"), "no-store")
        const { searchParams } = locationOf(answer)
        assert.strictEqual(searchParams.get("state"), state)
        assert.strictEqual(searchParams.get("iss"), baseUrl)
        assert.match(searchParams.get("code") ?? "", /^mcp_ac_/)
      }
    })
  )

  it.effect("AZ2 a JSON body is refused", () =>
    Effect.gen(function* () {
      const body = JSON.stringify(Object.fromEntries(authorizeParameters(challenge)))
      isPage(
        yield* request("/authorize", { method: "POST", body, headers: { "content-type": "application/json" } }),
        400
      )
    })
  )

  it.effect("AZ3, AZ4, AZ9 an unknown client or redirect_uri is a page, never a redirect, and writes nothing", () =>
    Effect.gen(function* () {
      const before = yield* rowCounts()
      for (const over of [
        { client_id: undefined },
        { client_id: "nobody" },
        { client_id: "\u0000" },
        { client_id: "constructor" },
        { redirect_uri: undefined },
        { redirect_uri: "https://evil.example/cb" },
        { redirect_uri: "javascript:alert(1)" },
        { redirect_uri: "https://evil.example/cb", response_type: "token" },
        { redirect_uri: "https://evil.example/cb", scope: '"' }
      ]) {
        isPage(yield* ask(over), 400)
      }
      assert.deepStrictEqual(yield* rowCounts(), before)
    })
  )

  it.effect("AZ5 near misses of a registered https URI are pages", () =>
    Effect.gen(function* () {
      yield* save("az5", ["https://c.example/cb"])
      for (const near of [
        "https://c.example:443/cb",
        "https://C.example/cb",
        "https://c.example/cb/",
        "https://c.example/%2e/cb",
        "https://c.example/cb/../cb",
        "https://c.example/cb?x=1",
        "https://user@c.example/cb",
        "https://c.example/cb#x"
      ]) {
        isPage(yield* ask({ client_id: "az5", redirect_uri: near }), 400)
      }
      isPage(yield* ask({ client_id: "az5", redirect_uri: "https://c.example/cb" }), 200)
    })
  )

  it.effect("AZ6 a loopback URI is accepted on any port and in no other spelling", () =>
    Effect.gen(function* () {
      yield* save("az6", ["http://127.0.0.1/callback"])
      for (const port of ["", ":1", ":65535"])
        isPage(yield* ask({ client_id: "az6", redirect_uri: `http://127.0.0.1${port}/callback` }), 200)
      for (const near of [
        "http://127.0.0.2:1/callback",
        "http://localhost:1/callback",
        "http://[::1]:1/callback",
        "http://127.0.0.1:1/other",
        "https://127.0.0.1:1/callback"
      ]) {
        isPage(yield* ask({ client_id: "az6", redirect_uri: near }), 400)
      }
      yield* save("az6-name", ["http://localhost/cb"])
      isPage(yield* ask({ client_id: "az6-name", redirect_uri: "http://localhost:9/cb" }), 200)
    })
  )

  it.effect("AZ7 a repeated parameter is refused: state is then not echoed, and who asks must be said once", () =>
    Effect.gen(function* () {
      const pairs = authorizeParameters(challenge)
      yield* isSent(yield* getAuthorize([...pairs, ["state", "other"]]), "invalid_request", null)
      yield* isSent(yield* getAuthorize([...pairs, ["scope", "other"]]), "invalid_request")
      isPage(yield* getAuthorize([...pairs, ["client_id", "demo"]]), 400)
      isPage(yield* getAuthorize([...pairs, ["redirect_uri", REDIRECT_URI]]), 400)
    })
  )

  it.effect("AZ8 the query of a registered URI stays, and a code that the caller supplies goes nowhere", () =>
    Effect.gen(function* () {
      yield* save("az8", ["https://c.example/cb?a=1"])
      const page = yield* getAuthorize([
        ...authorizeParameters(challenge, { client_id: "az8", redirect_uri: "https://c.example/cb?a=1" }),
        ["code", "planted"],
        ["iss", "https://evil.example"]
      ])
      const { searchParams } = locationOf(yield* decide(formOf(page), "approve"))
      assert.deepStrictEqual(searchParams.getAll("a"), ["1"])
      assert.strictEqual(searchParams.getAll("code").length, 1)
      assert.notInclude(searchParams.get("code"), "planted")
      assert.strictEqual(searchParams.getAll("iss").length, 1)
    })
  )

  it.effect("AZ10 to AZ12 a missing or other PKCE challenge or method is invalid_request", () =>
    Effect.gen(function* () {
      const without = yield* ask({ code_challenge: undefined })
      yield* isSent(without, "invalid_request")
      // Told as what it is: most who meet this have never heard of PKCE.
      assert.strictEqual(locationOf(without).searchParams.get("error_description"), "code_challenge is missing")
      for (const method of [undefined, "plain", "s256", "S512", ""]) {
        yield* isSent(yield* ask({ code_challenge_method: method }), "invalid_request")
      }
      for (const bad of ["a".repeat(42), "a".repeat(44), `${"a".repeat(42)}=`, `${"a".repeat(42)}+`]) {
        yield* isSent(yield* ask({ code_challenge: bad }), "invalid_request")
      }
    })
  )

  it.effect("AZ13 response_type is code", () =>
    Effect.gen(function* () {
      yield* isSent(yield* ask({ response_type: undefined }), "invalid_request")
      for (const other of ["token", "code token", "id_token"]) {
        yield* isSent(yield* ask({ response_type: other }), "unsupported_response_type")
      }
    })
  )

  it.effect(
    "F15 AZ14 a scope outside the grammar is invalid_scope, unknown ones are dropped, and none left is the default",
    () =>
      Effect.gen(function* () {
        for (const bad of ['a"b', "a\\b", "a\u00a0b", "mcp.tools.call\n", "ａ", "mcp.tools.call,offline_access"]) {
          yield* isSent(yield* ask({ scope: bad }), "invalid_scope")
        }
        for (const [scope, granted] of [
          ["unheard mcp.tools.call", "mcp.tools.call"],
          ["openid mcp.tools.call", "openid mcp.tools.call"],
          ["unknown", "mcp.tools.call mcp.web.read"],
          [" ", "mcp.tools.call mcp.web.read"]
        ] as const) {
          const page = yield* ask({ scope })
          isPage(page, 200)
          assert.include(page.text, "tools on your behalf")
          assert.strictEqual((yield* obtainTokens({ scope })).scope, granted)
        }
      })
  )

  it.effect("AZ15 unknown parameters are ignored and empty ones are as if absent", () =>
    Effect.gen(function* () {
      const pairs = authorizeParameters(challenge, { scope: "" })
      isPage(yield* getAuthorize([...pairs, ["nonsense", "1"], ["nonce", "x"], ["resource", ""]]), 200)
      yield* isSent(yield* ask({ response_type: "" }), "invalid_request")
    })
  )

  it.effect("AZ16 an error carries iss exactly once, whatever the caller sent", () =>
    Effect.gen(function* () {
      const pairs = authorizeParameters(challenge, { response_type: "token" })
      yield* isSent(yield* getAuthorize([...pairs, ["iss", "https://evil.example"]]), "unsupported_response_type")
    })
  )

  it.effect("F5, F16 AZ17 a resource may be repeated and spelt in any case; each has to be ours", () =>
    Effect.gen(function* () {
      const { baseUrl, port } = yield* TestApp
      const pairs = authorizeParameters(challenge)
      const resource = `${baseUrl}/mcp`
      for (const good of [[resource, resource], [resource, "", `${baseUrl}/`], [`HTTP://LocalHost:${port}/mcp/`]]) {
        isPage(yield* getAuthorize([...pairs, ...good.map((uri) => ["resource", uri] as const)]), 200)
      }
      for (const bad of [
        [resource, "https://other.example/mcp"],
        ["https://other.example/mcp", resource],
        [`${baseUrl}/MCP`],
        [resource.replace("http:", "https:")],
        [`http://user@localhost:${port}/mcp`],
        [`http:/localhost:${port}/mcp`],
        [`${baseUrl}/x/../mcp`]
      ]) {
        const answer = yield* getAuthorize([...pairs, ...bad.map((uri) => ["resource", uri] as const)])
        yield* isSent(answer, "invalid_target")
      }
    })
  )

  it.effect("AZ17 a resource that is not ours is invalid_target; ours, its aliases and absence are one", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      for (const bad of ["https://other.example/mcp", "/mcp", `${baseUrl}/mcp#x`, `${baseUrl}/mcp-other`]) {
        yield* isSent(yield* ask({ resource: bad }), "invalid_target")
      }
      for (const good of [`${baseUrl}/mcp`, `${baseUrl}/mcp/`, baseUrl, `${baseUrl}/`])
        isPage(yield* ask({ resource: good }), 200)
    })
  )

  it.effect("AZ18 no answer of the endpoint may be read by a page of another origin", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const page = yield* getAuthorize(authorizeParameters(challenge), { origin: baseUrl })
      assert.isNull(page.headers.get("access-control-allow-origin"))
      const preflight = yield* request("/authorize", { method: "OPTIONS", headers: { origin: baseUrl } })
      assert.strictEqual(preflight.status, 405)
      assert.isNull(preflight.headers.get("access-control-allow-origin"))
    })
  )

  it.effect("AZ19 a denial is access_denied and leaves no code", () =>
    Effect.gen(function* () {
      const before = yield* rowCounts()
      yield* isSent(yield* decide(formOf(yield* ask()), "deny"), "access_denied")
      assert.strictEqual((yield* rowCounts())?.codes, before?.codes)
    })
  )

  it.effect("AZ20 prompt=none is consent_required and never a page", () =>
    Effect.gen(function* () {
      yield* isSent(yield* ask({ prompt: "none" }), "consent_required")
      yield* isSent(yield* ask({ prompt: "none consent" }), "invalid_request")
      isPage(yield* ask({ prompt: "consent" }), 200)
    })
  )

  it.effect("AZ21 request and request_uri are not supported", () =>
    Effect.gen(function* () {
      yield* isSent(yield* ask({ request: "x" }), "request_not_supported")
      yield* isSent(yield* ask({ request_uri: "https://evil.example/x" }), "request_uri_not_supported")
    })
  )

  it.effect("OIDC Core 3.1.2.1 max_age is a whole number of seconds, or the request is invalid", () =>
    Effect.gen(function* () {
      for (const max_age of ["abc", "-1", "1.5", "1e3", "0x10", " 60", "NaN", "9".repeat(11)]) {
        yield* isSent(yield* ask({ max_age }), "invalid_request")
      }
      for (const max_age of ["0", "600", "9".repeat(10)]) isPage(yield* ask({ max_age }), 200)
    })
  )

  it.effect("OIDC Core 3.1.2.1 nonce and the hints are carried up to a length, counted in bytes", () =>
    Effect.gen(function* () {
      for (const [name, most] of [
        ["nonce", 4096],
        ["login_hint", 512],
        ["id_token_hint", 4096]
      ] as const) {
        isPage(yield* ask({ [name]: "x".repeat(most) }), 200)
        yield* isSent(yield* ask({ [name]: "x".repeat(most + 1) }), "invalid_request")
        yield* isSent(yield* ask({ [name]: "é".repeat(most / 2 + 1) }), "invalid_request")
      }
    })
  )

  it.effect("the answer to a code request goes into the query, and nowhere else", () =>
    Effect.gen(function* () {
      for (const response_mode of ["fragment", "form_post", "query.jwt"]) {
        yield* isSent(yield* ask({ response_mode }), "invalid_request")
      }
      isPage(yield* ask({ response_mode: "query" }), 200)
    })
  )

  it.effect("AZ22 a client that is not registered for the grant is unauthorized_client", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      yield* save("az22", ["http://127.0.0.1/callback"])
      yield* sql`update mcp.oauth_clients set grant_types = '{refresh_token}' where client_id = 'az22'`.pipe(
        Effect.orDie
      )
      yield* isSent(yield* ask({ client_id: "az22" }), "unauthorized_client")
    })
  )

  it.effect("AZ23 8 KiB of URL are fine, 16 KiB of headers are not, nor 4 KiB of state", () =>
    Effect.gen(function* () {
      isPage(yield* ask({ nonsense: "a".repeat(8000) }), 200)
      assert.strictEqual((yield* ask({ nonsense: "a".repeat(17_000) })).status, 431)
      yield* isSent(yield* ask({ state: "a".repeat(4097) }), "invalid_request", null)
      isPage(yield* ask({ state: "a".repeat(4096) }), 200)
    })
  )

  it.effect("a disabled client is shown to the person", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      yield* save("disabled", ["http://127.0.0.1/callback"])
      const page = yield* ask({ client_id: "disabled" })
      yield* sql`update mcp.oauth_clients set disabled_at = now() where client_id = 'disabled'`.pipe(Effect.orDie)
      isPage(yield* ask({ client_id: "disabled" }), 400)
      isPage(yield* decide(formOf(page), "approve"), 400)
    })
  )

  it.effect("UI1 UI2 UI3 UI4 a decision from elsewhere is refused and makes no code", () =>
    Effect.gen(function* () {
      const form = formOf(yield* ask())
      const other = formOf(yield* ask())
      const before = yield* rowCounts()
      isPage(yield* decide({ ...form, cookie: "" }, "approve"), 403)
      isPage(yield* decide({ ...form, cookie: other.cookie }, "approve"), 403)
      isPage(yield* decide({ ...form, csrf_token: "" }, "approve"), 403)
      isPage(yield* decide({ ...form, csrf_token: other.csrf_token }, "approve"), 403)
      isPage(yield* decide({ ...form, transaction: `${form.transaction}x` }, "approve"), 403)
      isPage(yield* decide(form, "approve", { "sec-fetch-site": "cross-site" }), 403)
      isPage(yield* decide(form, "approve", { "sec-fetch-site": "same-site" }), 403)
      isPage(yield* decide(form, "approve", { origin: "https://evil.example" }), 403)
      isPage(yield* decide(form, "maybe"), 400)
      assert.deepStrictEqual(yield* rowCounts(), before)
      assert.strictEqual(
        (yield* decide(form, "approve", { origin: "null", "sec-fetch-site": "same-origin" })).status,
        303
      )
    })
  )

  it.effect(
    "UI5 a client's name is text: escaped, without invisible characters, cut, and never instead of the host",
    () =>
      Effect.gen(function* () {
        yield* save(
          "ui5",
          ["https://c.example/cb"],
          `<img src=x onerror=alert(1)>\u202e\u200bChatGPT\u0000${"x".repeat(10_000)}`.replace("\u0000", "\u0007")
        )
        const { text } = yield* ask({ client_id: "ui5", redirect_uri: "https://c.example/cb" })
        assert.notInclude(text, "<img")
        assert.include(text, "&lt;img")
        for (const hidden of ["\u202e", "\u200b", "\u0007"]) assert.notInclude(text, hidden)
        assert.isBelow(text.length, 10_000)
        assert.include(text, "<dd>c.example</dd>")
      })
  )

  it.effect("UI6 pages and redirects carry the policy, and the cookie is bound and hidden from scripts", () =>
    Effect.gen(function* () {
      const page = yield* ask()
      for (const { headers } of [page, yield* ask({ client_id: "nobody" }), yield* ask({ prompt: "none" })]) {
        const policy = headers.get("content-security-policy") ?? ""
        for (const rule of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"])
          assert.include(policy, rule)
        assert.strictEqual(headers.get("x-frame-options"), "DENY")
        assert.strictEqual(headers.get("referrer-policy"), "no-referrer")
        assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
        assert.strictEqual(headers.get("cache-control"), "no-store")
      }
      const cookie = page.headers.get("set-cookie") ?? ""
      for (const attribute of ["HttpOnly", "SameSite=Lax", "Path=/"]) assert.include(cookie, attribute)
      assert.notInclude(page.text, "<script")
    })
  )

  it.effect("UI6 the page names the client, the host and each scope, and warns of a loopback redirect", () =>
    Effect.gen(function* () {
      const { text } = yield* ask()
      for (const said of [
        "Demo client",
        "127.0.0.1:4711",
        "tools on your behalf",
        "Stay connected",
        "program on this computer"
      ]) {
        assert.include(text, said)
      }
    })
  )

  it.effect("F3 UI12 the same decision again leads to the same place, another one to a page, and neither writes", () =>
    Effect.gen(function* () {
      for (const [first, other] of [
        ["approve", "deny"],
        ["deny", "approve"]
      ] as const) {
        const form = formOf(yield* ask())
        const answer = yield* decide(form, first)
        assert.strictEqual(answer.status, 303)
        const before = yield* rowCounts()
        for (let count = 0; count < 3; count++) {
          assert.strictEqual(locationOf(yield* decide(form, first)).href, locationOf(answer).href)
          const page = yield* decide(form, other)
          isPage(page, 410)
          assert.include(page.text, "the first answer counts")
        }
        isPage(yield* decide({ ...form, cookie: "" }, first), 403)
        assert.deepStrictEqual(yield* rowCounts(), before)
      }
    })
  )

  it.effect("F3 UI12 once its code is redeemed or expired, a form was answered and that is all", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const pkce = newPkce()
      const form = formOf(yield* getAuthorize(authorizeParameters(pkce.challenge)))
      const code = locationOf(yield* decide(form, "approve")).searchParams.get("code") ?? ""
      assert.strictEqual((yield* exchange({ code, verifier: pkce.verifier })).status, 200)
      const late = formOf(yield* ask())
      assert.strictEqual((yield* decide(late, "approve")).status, 303)
      yield* sql`update mcp.oauth_authorization_codes set expires_at = clock_timestamp()`.pipe(Effect.orDie)
      const before = yield* rowCounts()
      for (const answered of [form, late]) {
        for (const decision of ["approve", "deny"]) isPage(yield* decide(answered, decision), 410)
      }
      assert.deepStrictEqual(yield* rowCounts(), before)
    })
  )

  it.effect("F3 the database cannot read the code that it keeps for a repeat", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const keys = yield* ServerKeys
      const form = formOf(yield* ask())
      const code = locationOf(yield* decide(form, "approve")).searchParams.get("code") ?? ""
      const [row] = yield* sql<{ id: string; sealed_code: Uint8Array }>`
        select id, sealed_code from mcp.oauth_decisions where sealed_code is not null
        order by expires_at desc limit 1`.pipe(Effect.orDie)
      const sealed = row?.sealed_code ?? new Uint8Array()
      assert.isFalse(Buffer.from(sealed).includes(code))
      const opens = (secret: string) => Option.getOrUndefined(openCode(Redacted.make(secret), sealed))
      const opened = opens(form.csrf_token)
      assert.strictEqual(opened && Redacted.value(opened), code)
      for (const known of ["", row?.id ?? "", form.transaction, keys.signing().consentKey.export().toString("hex")]) {
        assert.isUndefined(opens(known))
      }
    })
  )

  for (const decision of ["approve", "deny"]) {
    it.effect(`F3 UI12 of many decisions at once (${decision}) all lead to the same place, with one code in all`, () =>
      Effect.gen(function* () {
        const form = formOf(yield* ask())
        const before = yield* rowCounts()
        const answers = yield* Effect.all(
          Array.from({ length: 50 }, () => decide(form, decision)),
          { concurrency: "unbounded" }
        )
        assert.lengthOf([...new Set(answers.map((answer) => locationOf(answer).href))], 1)
        assert.isTrue(answers.every(({ status }) => status === 303))
        const after = yield* rowCounts()
        assert.strictEqual(Number(after?.decisions), Number(before?.decisions) + 1)
        assert.strictEqual(Number(after?.codes), Number(before?.codes) + (decision === "approve" ? 1 : 0))
      })
    )
  }

  it.effect("F3 UI12 of opposite decisions at once one is carried out and the other told", () =>
    Effect.gen(function* () {
      const form = formOf(yield* ask())
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, (_, count) => decide(form, count % 2 === 0 ? "approve" : "deny")),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(answers.filter(({ status }) => status === 303).length, 10)
      assert.strictEqual(answers.filter(({ status }) => status === 410).length, 10)
    })
  )

  it.effect("F13 pages that a fresh browser opens at once can each be answered", () =>
    Effect.gen(function* () {
      const forms = (yield* Effect.all([ask(), ask(), ask()], { concurrency: "unbounded" })).map(formOf)
      // One jar, in which a later cookie of the same name replaces an earlier one.
      const jar = new Map(forms.map(({ cookie }) => cookie.split("=") as [string, string]))
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ")
      for (const form of forms) assert.strictEqual((yield* decide({ ...form, cookie }, "approve")).status, 303)
    })
  )

  it.effect("F13 a browser keeps the cookies of the latest ten forms, and each no longer than its form lives", () =>
    Effect.gen(function* () {
      const sent = Array.from({ length: 12 }, (_, count) => `gatehouse-0000000${count.toString(16)}=${"a".repeat(43)}`)
      const page = yield* getAuthorize(authorizeParameters(challenge), { cookie: `other=1; ${sent.join("; ")}` })
      const [fresh = "", ...gone] = page.headers.getSetCookie()
      assert.match(fresh, /^gatehouse-[0-9a-f]{8}=[A-Za-z0-9_-]{43};.*Max-Age=600/)
      assert.deepStrictEqual(
        gone.map((cookie) => cookie.slice(0, 20)),
        ["gatehouse-00000000=;", "gatehouse-00000001=;", "gatehouse-00000002=;"]
      )
      for (const cookie of gone) assert.include(cookie, "Max-Age=0")
      // What anybody may have put there is left alone.
      const odd = Array.from({ length: 12 }, (_, count) => `gatehouse-(${count}"ü=x`).join("; ")
      const other = yield* getAuthorize(authorizeParameters(challenge), { cookie: Buffer.from(odd).toString("latin1") })
      isPage(other, 200)
      assert.lengthOf(other.headers.getSetCookie(), 1)
    })
  )

  it.effect("T UI1 a form of this browser with the cookie of another is refused", () =>
    Effect.gen(function* () {
      const [form, other] = [formOf(yield* ask()), formOf(yield* ask())]
      const [name] = form.cookie.split("=")
      const [, value] = other.cookie.split("=")
      const before = yield* rowCounts()
      for (const cookie of [`${name}=${value}`, `${name}=${"a".repeat(43)}`, `${name}=`, `${name}=x`, other.cookie]) {
        isPage(yield* decide({ ...form, cookie }, "approve"), 403)
      }
      assert.deepStrictEqual(yield* rowCounts(), before)
      assert.strictEqual((yield* decide(form, "approve")).status, 303)
    })
  )

  it.effect("T a consent form expires", () =>
    Effect.gen(function* () {
      const keys = yield* ServerKeys
      const registry = yield* ClientRegistry
      const { resource } = yield* ServerConfig
      const client = (yield* registry.find("demo")) ?? (yield* Effect.die(new Error("no demo client")))
      const checked = {
        client,
        snapshot: undefined,
        redirectUri: REDIRECT_URI,
        state: undefined,
        scopes: ["mcp.tools.call"],
        resource,
        codeChallenge: challenge,
        prompt: [],
        nonce: undefined,
        maxAge: undefined,
        loginHint: undefined,
        hintedSubject: undefined,
        sent: new Map<string, string>()
      }
      const old = (seconds: number) => {
        const transaction = ConsentForm.begin(checked, keys.signing(), Date.now() - 1000 * seconds)
        const browserId = ConsentForm.newBrowserId()
        const cookie = `gatehouse-${ConsentForm.shortId(transaction)}=${browserId}`
        return { ...ConsentForm.fieldsOf(transaction, keys.signing(), browserId), cookie }
      }
      const before = yield* rowCounts()
      for (const decision of ["approve", "deny"]) isPage(yield* decide(old(601), decision), 410)
      assert.deepStrictEqual(yield* rowCounts(), before)
      assert.strictEqual((yield* decide(old(300), "approve")).status, 303)
    })
  )

  it.effect("T the redirect URI is matched again at the decision", () =>
    Effect.gen(function* () {
      yield* save("moving", ["https://c.example/cb"])
      const asked = () => ask({ client_id: "moving", redirect_uri: "https://c.example/cb" })
      const [form, allowed] = [formOf(yield* asked()), formOf(yield* asked())]
      assert.strictEqual((yield* decide(allowed, "approve")).status, 303)
      yield* save("moving", ["https://c.example/other"])
      const before = yield* rowCounts()
      for (const decision of ["approve", "deny"]) isPage(yield* decide(form, decision), 400)
      // Nor is an answer repeated there.
      isPage(yield* decide(allowed, "approve"), 400)
      assert.deepStrictEqual(yield* rowCounts(), before)
    })
  )
})

layer(
  testApp(TestDatabase.pglite, {
    BASE_URL: "https://gate.example",
    DEMO_CONSENT: "true",
    MCP_ALLOWED_HOSTS: "localhost,gate.example"
  }),
  { excludeTestServices: true, timeout: "60 seconds" }
)("/authorize behind TLS", (it) => {
  it.effect("F16 the port that https implies may be named, and no other", () =>
    Effect.gen(function* () {
      for (const resource of [
        "HTTPS://Gate.Example:443/mcp",
        "https://gate.example:443",
        "https://gate.example/mcp/"
      ]) {
        isPage(yield* ask({ resource }), 200)
      }
      for (const resource of [
        "https://gate.example:80/mcp",
        "https://gate.example:/mcp",
        "https://gate.example:4430/mcp"
      ]) {
        const answer = yield* ask({ resource })
        assert.strictEqual(locationOf(answer).searchParams.get("error"), "invalid_target", resource)
      }
    })
  )

  it.effect("UI6 the cookie has the __Host- prefix and is Secure", () =>
    Effect.gen(function* () {
      const cookie = (yield* ask()).headers.get("set-cookie") ?? ""
      assert.match(cookie, /^__Host-gatehouse-[0-9a-f]{8}=/)
      assert.include(cookie, "Secure")
    })
  )
})

layer(testApp(TestDatabase.pglite, { AUTO_APPROVE: "true" }), { excludeTestServices: true, timeout: "60 seconds" })(
  "/authorize with AUTO_APPROVE",
  (it) => {
    it.effect("AZ1, AZ20 the code comes at once, prompt=none included", () =>
      Effect.gen(function* () {
        for (const prompt of [undefined, "none"]) {
          const answer = yield* ask({ prompt })
          assert.strictEqual(answer.status, 303)
          assert.match(locationOf(answer).searchParams.get("code") ?? "", /^mcp_ac_/)
        }
      })
    )
  }
)
