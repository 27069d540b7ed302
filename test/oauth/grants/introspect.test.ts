import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestApp, testApp } from "../../support/app.ts"
import { exchange, obtainCode, obtainTokens, postForm, refresh, request } from "../../support/client.ts"
import { TestDatabase } from "../../support/postgres.ts"

const REDIRECT = "http://127.0.0.1:4711/callback"

/** A confidential client with tokens of its own. */
const confidential = Effect.fn("confidential")(function* () {
  const { body: client } = yield* request("/register", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      redirect_uris: [REDIRECT],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "client_secret_post"
    })
  })
  const { client_id, client_secret } = client
  const credentials = { client_id, client_secret }
  const { body: tokens } = yield* exchange(yield* obtainCode({ client_id }), credentials)
  return { credentials, tokens }
})

const introspect = (credentials: Readonly<Record<string, string>>, token: string) =>
  postForm("/introspect", { ...credentials, token })

layer(testApp(TestDatabase.quick), { excludeTestServices: true, timeout: "60 seconds" })(
  "introspection (RFC 7662)",
  (it) => {
    it.effect("tells the holder what its tokens stand for", () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const { credentials, tokens } = yield* confidential()
        const { status, headers, body } = yield* introspect(credentials, tokens.access_token)
        assert.strictEqual(status, 200)
        assert.strictEqual(headers.get("cache-control"), "no-store")
        const { iat, exp, ...facts } = body
        assert.deepStrictEqual(facts, {
          active: true,
          token_type: "Bearer",
          scope: "mcp.tools.call offline_access",
          client_id: credentials.client_id,
          sub: "demo",
          iss: baseUrl,
          aud: `${baseUrl}/mcp`
        })
        assert.strictEqual(exp - iat, 3600)
        const refreshFacts = yield* introspect(credentials, tokens.refresh_token)
        assert.strictEqual(refreshFacts.body.active, true)
        assert.strictEqual(refreshFacts.body.token_type, "refresh_token")
      })
    )

    it.effect("looking spends nothing, and what has ended is inactive without a reason", () =>
      Effect.gen(function* () {
        const { credentials, tokens } = yield* confidential()
        for (let count = 0; count < 3; count++) yield* introspect(credentials, tokens.refresh_token)
        const { body } = yield* refresh(tokens.refresh_token, credentials)
        assert.deepStrictEqual((yield* introspect(credentials, tokens.refresh_token)).body, { active: false })
        assert.strictEqual((yield* introspect(credentials, body.refresh_token)).body.active, true)
        yield* postForm("/revoke", { ...credentials, token: body.refresh_token })
        for (const token of [body.access_token, body.refresh_token, tokens.access_token, "mcp_at_x", "x"]) {
          assert.deepStrictEqual((yield* introspect(credentials, token)).body, { active: false })
        }
      })
    )

    it.effect("another client's tokens are inactive, and a client that proves nothing learns nothing", () =>
      Effect.gen(function* () {
        const { credentials } = yield* confidential()
        const stranger = yield* obtainTokens()
        assert.deepStrictEqual((yield* introspect(credentials, stranger.access_token)).body, { active: false })
        const anonymous = yield* introspect({ client_id: "demo" }, stranger.access_token)
        assert.strictEqual(anonymous.status, 401)
        assert.strictEqual(anonymous.body.error, "invalid_client")
        const wrong = yield* introspect({ ...credentials, client_secret: "x" }, stranger.access_token)
        assert.strictEqual(wrong.status, 401)
        const none = yield* postForm("/introspect", credentials)
        assert.strictEqual(none.body.error, "invalid_request")
      })
    )
  }
)
