import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import { configure } from "../../../src/oauth/clients/configured.ts"
import { TestApp, testApp } from "../../support/app.ts"
import {
  type Answer,
  admitted,
  authorizeParameters,
  exchange,
  getAuthorize,
  newPkce,
  obtainCode,
  postForm,
  request,
  rowCounts
} from "../../support/client.ts"
import { TestDatabase } from "../../support/postgres.ts"

const REDIRECT = "http://127.0.0.1:4711/callback"

const register = (metadata: unknown, headers: Record<string, string> = {}) =>
  request("/register", {
    method: "POST",
    body: typeof metadata === "string" ? metadata : JSON.stringify(metadata),
    headers: { "content-type": "application/json", ...headers }
  })

/** Asks about a registration at the address that it was given. */
const manage = (
  registered: Answer,
  method: string,
  body?: unknown,
  token = registered.body.registration_access_token
) =>
  request(new URL(registered.body.registration_client_uri).pathname, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" })
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })

const refused = Effect.fn("refused")(function* (metadata: unknown, error: string, status = 400) {
  const before = yield* rowCounts()
  const answer = yield* register(metadata)
  assert.strictEqual(answer.status, status, answer.text)
  assert.strictEqual(answer.body.error, error, JSON.stringify(metadata)?.slice(0, 100))
  assert.match(answer.body.error_description, /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
  assert.strictEqual(answer.headers.get("cache-control"), "no-store")
  assert.deepStrictEqual(yield* rowCounts(), before)
})

const options = { excludeTestServices: true, timeout: "60 seconds" } as const

layer(testApp(TestDatabase.quick), options)("dynamic registration (RFC 7591)", (it) => {
  it.effect("RG1 a public client gets an id, what is in effect, and no secret; a whole flow works at once", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const answer = yield* register({
        client_name: "An app",
        redirect_uris: [REDIRECT],
        grant_types: ["authorization_code", "refresh_token"],
        token_endpoint_auth_method: "none",
        scope: "mcp.tools.call",
        unheard_of: true
      })
      assert.strictEqual(answer.status, 201)
      assert.strictEqual(answer.headers.get("cache-control"), "no-store")
      const { client_id, client_id_issued_at, registration_access_token, ...rest } = answer.body
      assert.match(client_id, /^mcp_client_[\w-]{22}$/)
      assert.match(registration_access_token, /^mcp_reg_[\w-]{43}$/)
      assert.closeTo(client_id_issued_at, Date.now() / 1000, 60)
      assert.deepStrictEqual(rest, {
        registration_client_uri: `${baseUrl}/register/${client_id}`,
        client_name: "An app",
        redirect_uris: [REDIRECT],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
        token_endpoint_auth_method: "none",
        application_type: "native",
        scope: "mcp.tools.call"
      })
      const { body } = yield* exchange(yield* obtainCode({ client_id }), { client_id })
      assert.isTrue(yield* admitted(body.access_token))
      assert.isString(body.refresh_token)
    })
  )

  it.effect("RG2 what is absent gets its default, and a secret says when it ends", () =>
    Effect.gen(function* () {
      const { body } = yield* register({ redirect_uris: ["https://app.example/cb"] })
      assert.strictEqual(body.token_endpoint_auth_method, "client_secret_basic")
      assert.deepStrictEqual(body.grant_types, ["authorization_code"])
      assert.deepStrictEqual(body.response_types, ["code"])
      assert.strictEqual(body.application_type, "web")
      assert.match(body.client_secret, /^mcp_cs_[\w-]{43}$/)
      assert.strictEqual(body.client_secret_expires_at, 0)
    })
  )

  it.effect("null and empty members are as if they were not there, and are not answered", () =>
    Effect.gen(function* () {
      const { status, body } = yield* register({
        redirect_uris: [REDIRECT],
        token_endpoint_auth_method: "none",
        client_uri: null,
        logo_uri: "",
        contacts: null,
        jwks: null,
        client_secret: null
      })
      assert.strictEqual(status, 201)
      for (const name of ["client_uri", "logo_uri", "contacts", "jwks", "client_secret", "client_secret_expires_at"]) {
        assert.notProperty(body, name)
      }
    })
  )

  it.effect("F20 the body is JSON however its type is written", () =>
    Effect.gen(function* () {
      for (const type of ["Application/JSON", "application/json; charset=UTF-8", "application/json;x=y"]) {
        const answer = yield* register({ redirect_uris: [REDIRECT] }, { "content-type": type })
        assert.strictEqual(answer.status, 201, type)
      }
      const marked = yield* register(`\ufeff${JSON.stringify({ redirect_uris: [REDIRECT] })}`)
      assert.strictEqual(marked.status, 201)
    })
  )

  it.effect("B20 the name of a configured client is cleaned as everybody's is", () =>
    Effect.gen(function* () {
      const registry = yield* ClientRegistry
      const name = "Operator\u0000's \ud800app\u202e"
      yield* configure({ id: "operators", name, secret: undefined, redirectUris: [REDIRECT] })
      assert.strictEqual((yield* registry.find("operators"))?.name, "Operator's app")
    })
  )

  it.effect("RG3 what is no JSON object is invalid_client_metadata, and GET is 405", () =>
    Effect.gen(function* () {
      for (const body of ["", "null", "[]", '"x"', "1", "{", '{"a":1,"a":2}']) {
        yield* refused(body, "invalid_client_metadata")
      }
      const form = yield* postForm("/register", { redirect_uris: REDIRECT })
      assert.strictEqual(form.status, 400)
      assert.strictEqual(form.body.error, "invalid_client_metadata")
      const get = yield* request("/register")
      assert.strictEqual(get.status, 405)
      assert.strictEqual(get.headers.get("allow"), "POST")
    })
  )

  it.effect("RG4 a redirect URI that could never be served is invalid_redirect_uri", () =>
    Effect.gen(function* () {
      for (const uri of [
        "",
        "callback",
        "https://app.example/cb#fragment",
        "https://user:password@app.example/cb",
        "http://app.example/cb",
        "http://127.0.0.1.example/cb",
        "http://10.0.0.1/cb",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "blob:https://app.example/x",
        "file:///etc/passwd",
        "mailto:a@b.example",
        "myapp://callback",
        "https://app.example/\u0000cb",
        "https://app.example/cb\u007f",
        "https://app.example/cb\u0085",
        "https://*.example/cb",
        "https://app.example/cb?code=1",
        "https:\\\\app.example",
        `https://app.example/${"a".repeat(2100)}`
      ]) {
        yield* refused({ redirect_uris: [uri] }, "invalid_redirect_uri")
      }
      yield* refused({}, "invalid_redirect_uri")
      yield* refused({ redirect_uris: [] }, "invalid_redirect_uri")
      yield* refused(
        { redirect_uris: Array.from({ length: 51 }, (_, n) => `${REDIRECT}/${n}`) },
        "invalid_redirect_uri"
      )
      yield* refused({ redirect_uris: REDIRECT }, "invalid_client_metadata")
      yield* refused({ redirect_uris: [7] }, "invalid_client_metadata")
    })
  )

  it.effect("each redirect URI is judged alone: what can be served is kept, and only that works", () =>
    Effect.gen(function* () {
      // As Cursor registers, with a scheme that nobody knows beside its own.
      const cursor = "cursor://anysphere.cursor-mcp/oauth/callback"
      const { status, body } = yield* register({
        client_name: "Cursor",
        redirect_uris: [
          cursor,
          "https://www.cursor.com/agents/mcp/oauth/callback",
          "http://localhost:8787/callback",
          "odd://x"
        ],
        token_endpoint_auth_method: "none"
      })
      assert.strictEqual(status, 201)
      assert.lengthOf(body.redirect_uris, 3)
      assert.notInclude(body.redirect_uris, "odd://x")
      const ask = (redirect_uri: string) =>
        getAuthorize(authorizeParameters(newPkce().challenge, { client_id: body.client_id, redirect_uri }))
      const page = yield* ask(cursor)
      assert.strictEqual(page.status, 200)
      assert.include(page.text, "cursor://anysphere.cursor-mcp")
      assert.include(page.text, "program on this computer")
      assert.strictEqual((yield* ask("http://localhost:9999/callback")).status, 200)
      assert.strictEqual((yield* ask("odd://x")).status, 400)
      assert.strictEqual((yield* ask("cursor://anysphere.cursor-mcp/oauth/other")).status, 400)
    })
  )

  it.effect("application_type web means https alone", () =>
    Effect.gen(function* () {
      yield* refused({ redirect_uris: [REDIRECT], application_type: "web" }, "invalid_redirect_uri")
      const { body } = yield* register({ redirect_uris: ["https://app.example/cb", REDIRECT], application_type: "web" })
      assert.deepStrictEqual(body.redirect_uris, ["https://app.example/cb"])
    })
  )

  it.effect("RG5 F18 jwks_uri must be https; other links that are not are left out, in every language", () =>
    Effect.gen(function* () {
      const values = [
        "javascript:alert(1)",
        "http://app.example",
        "//app.example",
        "/terms",
        "data:x",
        7,
        {},
        "https://a b",
        "https://app.example/\u0000"
      ]
      for (const value of values) {
        yield* refused({ redirect_uris: [REDIRECT], jwks_uri: value }, "invalid_client_metadata")
        const links = Object.fromEntries(
          ["client_uri", "logo_uri", "tos_uri", "policy_uri"].flatMap((name) => [
            [name, value],
            [`${name}#ja`, value]
          ])
        )
        const { status, body } = yield* register({
          redirect_uris: [REDIRECT],
          token_endpoint_auth_method: "none",
          ...links
        })
        assert.strictEqual(status, 201, JSON.stringify(value))
        for (const name of Object.keys(links)) assert.notProperty(body, name)
        const page = yield* getAuthorize(authorizeParameters(newPkce().challenge, { client_id: body.client_id }))
        assert.notInclude(page.text, "javascript:")
      }
    })
  )

  it.effect("F18 what we never use cannot sink a registration: what is good is kept and answered", () =>
    Effect.gen(function* () {
      const uris = Array.from({ length: 12 }, (_, n) => `https://app.example/cb/${n}`)
      const registered = yield* register({
        redirect_uris: uris,
        token_endpoint_auth_method: "none",
        token_endpoint_auth_signing_alg: "ES512",
        token_endpoint_auth_methods_supported: "none",
        grant_types: ["authorization_code", 7],
        response_types: ["code", null],
        application_type: 7,
        client_uri: "http://localhost:3000",
        tos_uri: "/terms",
        policy_uri: "https://app.example/privacy",
        contacts: ["me@app.example", 7, null],
        scope: ["mcp.tools.call"],
        software_id: { a: 1 },
        software_version: 2
      })
      assert.strictEqual(registered.status, 201, registered.text)
      const { body } = registered
      assert.deepStrictEqual(body.redirect_uris, uris)
      assert.strictEqual(body.policy_uri, "https://app.example/privacy")
      assert.deepStrictEqual(body.contacts, ["me@app.example"])
      assert.deepStrictEqual(body.grant_types, ["authorization_code"])
      for (const name of ["client_uri", "tos_uri", "scope", "software_id", "software_version"]) {
        assert.notProperty(body, name)
      }
      assert.notProperty(body, "token_endpoint_auth_signing_alg")
      assert.deepStrictEqual((yield* manage(registered, "GET")).body, body)
      for (const contacts of ["me", [], [7]]) {
        const { status, body } = yield* register({ redirect_uris: [REDIRECT], contacts })
        assert.strictEqual(status, 201)
        assert.notProperty(body, "contacts")
      }
    })
  )

  it.effect("B8 of a key set what can verify is kept; keys of other kinds, or with odd members, are left out", () =>
    Effect.gen(function* () {
      const good = { kty: "EC", crv: "P-256", x: "A", y: "A", kid: "one" }
      const jwks = {
        keys: [good, { ...good, kid: 5 }, { kty: "OKP", crv: "Ed25519", x: "A" }, null, "x", { ...good, key_ops: 1 }]
      }
      const keyed = { redirect_uris: [REDIRECT], token_endpoint_auth_method: "private_key_jwt" }
      const { status, body } = yield* register({ ...keyed, jwks })
      assert.strictEqual(status, 201)
      assert.deepStrictEqual(body.jwks, { keys: [good] })
      // Who publishes a secret has lost it, whatever stands beside it.
      for (const lost of [{ ...good, d: "AQAB" }, { kty: "oct", k: "AQAB" }, { kty: "oct" }]) {
        yield* refused({ ...keyed, jwks: { keys: [good, lost] } }, "invalid_client_metadata")
      }
      for (const wrong of [{ keys: jwks.keys.slice(1) }, { keys: [] }, { keys: "x" }, [], "x"]) {
        yield* refused({ ...keyed, jwks: wrong }, "invalid_client_metadata")
      }
    })
  )

  it.effect("B20 what Postgres cannot keep is invalid_client_metadata, at the registration and at its update", () =>
    Effect.gen(function* () {
      const whole = { redirect_uris: [REDIRECT], token_endpoint_auth_method: "none" }
      const registered = yield* register(whole)
      const { client_id } = registered.body
      const key = { kty: "EC", crv: "P-256", x: "A", y: "A" }
      for (const odd of [
        { scope: "a\u0000b" },
        { contacts: ["a\u0000"] },
        { software_id: "\u0000" },
        { software_version: "1\u0000" },
        { jwks: { keys: [{ ...key, kid: "\u0000" }] } },
        { jwks: { keys: [{ ...key, key_ops: ["\u0000"] }] } }
      ]) {
        yield* refused({ ...whole, ...odd }, "invalid_client_metadata")
        const answer = yield* manage(registered, "PUT", { client_id, ...whole, ...odd })
        assert.strictEqual(answer.status, 400, JSON.stringify(odd))
        assert.strictEqual(answer.body.error, "invalid_client_metadata")
      }
      yield* refused(`{"redirect_uris":["${REDIRECT}"],"scope":"\\ud800"}`, "invalid_client_metadata")
      // A name that is cut in the middle of a character.
      const cut = yield* register({ ...whole, client_name: "😀".repeat(80) })
      assert.strictEqual(cut.status, 201, cut.text)
      assert.match(cut.body.client_name, /^(😀)+…$/u)
    })
  )

  it.effect("RG6 what does not exist here, or does not fit together, is invalid_client_metadata", () =>
    Effect.gen(function* () {
      for (const wrong of [
        { grant_types: ["implicit"] },
        { grant_types: ["password"] },
        { grant_types: ["refresh_token"] },
        { grant_types: [] },
        { response_types: ["token"] },
        { response_types: [] },
        { token_endpoint_auth_method: "client_secret_jwt" },
        { token_endpoint_auth_method: "tls_client_auth" },
        { token_endpoint_auth_method: "private_key_jwt" },
        { token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [{ kty: "oct", k: "AA" }] } },
        {
          token_endpoint_auth_method: "private_key_jwt",
          jwks: { keys: [{ kty: "EC", crv: "P-256", x: "A", y: "A", d: "A" }] }
        },
        { token_endpoint_auth_method: "private_key_jwt", jwks: {}, jwks_uri: "https://app.example/jwks" },
        { jwks: { keys: [] }, jwks_uri: "https://app.example/jwks" },
        ...["none", "HS256"].map((token_endpoint_auth_signing_alg) => ({
          token_endpoint_auth_method: "private_key_jwt",
          jwks_uri: "https://app.example/jwks",
          token_endpoint_auth_signing_alg
        })),
        { client_name: 7 },
        { grant_types: "authorization_code" }
      ]) {
        yield* refused({ redirect_uris: [REDIRECT], ...wrong }, "invalid_client_metadata")
      }
    })
  )

  it.effect("RG7 nobody chooses an id, a secret or a date; names are cleaned and cut", () =>
    Effect.gen(function* () {
      const { body } = yield* register({
        client_id: "demo",
        client_secret: "chosen",
        created_at: "1970-01-01",
        client_id_issued_at: 1,
        registration_access_token: "chosen",
        client_name: `\u202eevil\u200b\u0000${"x".repeat(200)}`,
        redirect_uris: [REDIRECT]
      })
      assert.notStrictEqual(body.client_id, "demo")
      assert.notStrictEqual(body.client_secret, "chosen")
      assert.notStrictEqual(body.registration_access_token, "chosen")
      assert.isAbove(body.client_id_issued_at, 1)
      assert.match(body.client_name, /^evilx+…$/)
      assert.isAtMost(body.client_name.length, 100)
    })
  )

  it.effect("RG8 an empty bearer token is 401 and never 500", () =>
    Effect.gen(function* () {
      for (const authorization of ["Bearer", "Bearer ", "bearer", "Bearer a b"]) {
        const answer = yield* register({ redirect_uris: [REDIRECT] }, { authorization })
        assert.strictEqual(answer.status, 401, authorization)
        assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer /)
      }
    })
  )

  it.effect("RG9 prototypes, depth and size do no harm, to this request or the next", () =>
    Effect.gen(function* () {
      yield* refused(
        `{"__proto__":{"grant_types":["implicit"]},"redirect_uris":["${REDIRECT}"]}`,
        "invalid_client_metadata"
      )
      yield* refused(`${"[".repeat(30_000)}${"]".repeat(30_000)}`, "invalid_client_metadata")
      yield* refused(`{"a":"${"x".repeat(1_048_576)}"}`, "invalid_request", 413)
      const { status, body } = yield* register({
        redirect_uris: [REDIRECT],
        constructor: { prototype: { polluted: true } },
        token_endpoint_auth_method: "none"
      })
      assert.strictEqual(status, 201)
      assert.notProperty({}, "polluted")
      assert.notProperty(body, "constructor_")
    })
  )

  it.effect("RG11 a client that nobody consented to can do nothing, and an unknown one is told what to do", () =>
    Effect.gen(function* () {
      const { body } = yield* register({ redirect_uris: [REDIRECT], token_endpoint_auth_method: "none" })
      const stolen = yield* obtainCode()
      const answer = yield* exchange(stolen, { client_id: body.client_id })
      assert.strictEqual(answer.body.error, "invalid_grant")
      const page = yield* getAuthorize(authorizeParameters(newPkce().challenge, { client_id: body.client_id }))
      assert.strictEqual(page.status, 200)
      assert.include(page.text, "registered itself")
    })
  )
})

layer(testApp(TestDatabase.quick), options)("registration management (RFC 7592)", (it) => {
  const metadata = { client_name: "One", redirect_uris: [REDIRECT], token_endpoint_auth_method: "none" }

  it.effect("reads what was registered, for the holder of the token alone", () =>
    Effect.gen(function* () {
      const registered = yield* register(metadata)
      const read = yield* manage(registered, "GET")
      assert.strictEqual(read.status, 200)
      assert.deepStrictEqual(read.body, registered.body)
      const other = yield* register(metadata)
      for (const token of ["", "x", other.body.registration_access_token]) {
        for (const method of ["GET", "DELETE"]) {
          const answer = yield* manage(registered, method, undefined, token)
          assert.strictEqual(answer.status, 401)
          assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer error="invalid_token"/)
        }
      }
      assert.strictEqual((yield* request("/register/demo", { headers: { authorization: "Bearer x" } })).status, 401)
    })
  )

  it.effect("replaces all that was said; ids, secrets and dates cannot be chosen", () =>
    Effect.gen(function* () {
      const registered = yield* register({ ...metadata, scope: "mcp.tools.call" })
      const { client_id } = registered.body
      const next = {
        client_id,
        client_name: "Two",
        redirect_uris: ["https://two.example/cb"],
        token_endpoint_auth_method: "none"
      }
      const updated = yield* manage(registered, "PUT", next)
      assert.strictEqual(updated.status, 200, updated.text)
      assert.strictEqual(updated.body.client_name, "Two")
      assert.notProperty(updated.body, "scope")
      assert.deepStrictEqual((yield* manage(registered, "GET")).body, updated.body)
      const ask = (redirect_uri: string) =>
        Effect.map(
          getAuthorize(authorizeParameters(newPkce().challenge, { client_id, redirect_uri })),
          ({ status }) => status
        )
      assert.strictEqual(yield* ask("https://two.example/cb"), 200)
      assert.strictEqual(yield* ask(REDIRECT), 400)
      for (const wrong of [
        { ...next, client_id: "demo" },
        { ...next, client_id: undefined },
        { ...next, client_secret: "chosen" },
        { ...next, redirect_uris: [] }
      ]) {
        assert.strictEqual((yield* manage(registered, "PUT", wrong)).status, 400)
      }
      assert.deepStrictEqual((yield* manage(registered, "GET")).body, updated.body)
    })
  )

  it.effect("F18 null and empty members of an update are as if they were not there, the secret too", () =>
    Effect.gen(function* () {
      const registered = yield* register(metadata)
      const { client_id } = registered.body
      for (const client_secret of [null, ""]) {
        const answer = yield* manage(registered, "PUT", { ...metadata, client_id, client_secret, logo_uri: null })
        assert.strictEqual(answer.status, 200, answer.text)
      }
    })
  )

  it.effect("a change to a secret method brings a secret, a change away takes it", () =>
    Effect.gen(function* () {
      const registered = yield* register(metadata)
      const { client_id } = registered.body
      const secret = yield* manage(registered, "PUT", {
        ...metadata,
        client_id,
        token_endpoint_auth_method: "client_secret_post"
      })
      assert.match(secret.body.client_secret, /^mcp_cs_/)
      const code = yield* obtainCode({ client_id })
      assert.strictEqual((yield* exchange(code, { client_id })).status, 401)
      assert.strictEqual((yield* exchange(code, { client_id, client_secret: secret.body.client_secret })).status, 200)
      const none = yield* manage(registered, "PUT", { ...metadata, client_id })
      assert.notProperty(none.body, "client_secret")
      assert.strictEqual((yield* exchange(yield* obtainCode({ client_id }), { client_id })).status, 200)
    })
  )

  it.effect("deletes the client with all its grants, and remembers its id", () =>
    Effect.gen(function* () {
      const registered = yield* register(metadata)
      const { client_id } = registered.body
      const { body } = yield* exchange(yield* obtainCode({ client_id }), { client_id })
      const removed = yield* manage(registered, "DELETE")
      assert.strictEqual(removed.status, 204)
      assert.isFalse(yield* admitted(body.access_token))
      const token = yield* postForm("/token", { grant_type: "refresh_token", client_id, refresh_token: "mcp_rt_x" })
      assert.strictEqual(token.status, 401)
      assert.strictEqual(token.body.error, "invalid_client")
      assert.strictEqual((yield* manage(registered, "GET")).status, 401)
      const page = yield* getAuthorize(authorizeParameters(newPkce().challenge, { client_id }))
      assert.strictEqual(page.status, 400)
      assert.include(page.text, "No longer registered")
      const unknown = yield* getAuthorize(authorizeParameters(newPkce().challenge, { client_id: "nobody" }))
      assert.include(unknown.text, "Unknown app")
    })
  )
})

const TOKEN = "initial-access-token-0123456789abcdef"
layer(testApp(TestDatabase.quick, { DYNAMIC_REGISTRATION: "token", REGISTRATION_TOKEN: TOKEN }), options)(
  "registration with an initial access token",
  (it) => {
    it.effect("RG8 is for its holders: without it 401 with a challenge, with it 201", () =>
      Effect.gen(function* () {
        for (const headers of [{}, { authorization: "Bearer x" }, { authorization: `Basic ${TOKEN}` }]) {
          const answer = yield* register({ redirect_uris: [REDIRECT] }, headers as Record<string, string>)
          assert.strictEqual(answer.status, 401)
          assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer /)
        }
        const answer = yield* register({ redirect_uris: [REDIRECT] }, { authorization: `Bearer ${TOKEN}` })
        assert.strictEqual(answer.status, 201)
      })
    )
  }
)

layer(testApp(TestDatabase.quick, { DYNAMIC_REGISTRATION: "off" }), options)("without registration", (it) => {
  it.effect("the endpoint is not there, and the metadata does not speak of it", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* register({ redirect_uris: [REDIRECT] })).status, 404)
      const { body } = yield* request("/.well-known/oauth-authorization-server")
      assert.notProperty(body, "registration_endpoint")
    })
  )
})

layer(testApp(TestDatabase.quick, { RATE_LIMIT_ENABLED: "true" }), options)("a flood of registrations", (it) => {
  it.effect("RG10 the eleventh from an address in an hour is told when to come back", () =>
    Effect.gen(function* () {
      for (let count = 0; count < 10; count++) {
        assert.strictEqual((yield* register({ redirect_uris: [REDIRECT] })).status, 201)
      }
      const answer = yield* register({ redirect_uris: [REDIRECT] })
      assert.strictEqual(answer.status, 429)
      assert.match(answer.headers.get("retry-after") ?? "", /^[1-9]\d*$/)
    })
  )
})
