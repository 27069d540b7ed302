import { randomBytes } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import type { TokenEndpointAuthMethod } from "../../../src/oauth/clients/client.ts"
import * as SlowHash from "../../../src/oauth/clients/slowHash.ts"
import { TestApp, testApp } from "../../support/app.ts"
import { type Answer, exchange, obtainCode, postForm, request } from "../../support/client.ts"
import { TestDatabase } from "../../support/postgres.ts"

const REDIRECT = "http://127.0.0.1:4711/callback"

/** The stored form of a secret that a person chose, at a fraction of the cost. */
const chosen = Effect.fn("chosen")(function* (secret: Redacted.Redacted) {
  const [salt, kdf] = [randomBytes(16), "scrypt:1024:8:1"]
  return { hash: yield* SlowHash.derive(secret, salt, kdf), salt, kdf }
})

/** As libraries write it that do not form-encode. */
const rawBasic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`
})

const register = (method?: TokenEndpointAuthMethod) =>
  request("/register", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      redirect_uris: [REDIRECT],
      ...(method === undefined ? {} : { token_endpoint_auth_method: method })
    })
  })

/** Whether the client got past the proof of who it is: the grant type is looked at after that. */
const isAuthenticated = (answer: Answer) => answer.body.error === "unsupported_grant_type"
const prove = (parameters: Readonly<Record<string, string>>, headers: Record<string, string> = {}) =>
  Effect.map(postForm("/token", { grant_type: "junk", ...parameters }, headers), isAuthenticated)

layer(testApp(TestDatabase.quick), { excludeTestServices: true, timeout: "60 seconds" })(
  "client authentication",
  (it) => {
    it.effect(
      "F19 a client that named no method proves its secret by Basic or in the body; one that did, by that",
      () =>
        Effect.gen(function* () {
          for (const [method, basic, post] of [
            [undefined, true, true],
            ["client_secret_basic", true, false],
            ["client_secret_post", false, true]
          ] as const) {
            const { client_id, client_secret } = (yield* register(method)).body
            assert.strictEqual(yield* prove({}, rawBasic(client_id, client_secret)), basic, `${method} by Basic`)
            assert.strictEqual(yield* prove({ client_id, client_secret }), post, `${method} in the body`)
            assert.isFalse(yield* prove({ client_id, client_secret: "x" }))
            assert.isFalse(yield* prove({ client_id }))
            assert.isFalse(yield* prove({}, rawBasic(client_id, "")))
          }
        })
    )

    it.effect("F19 what was left out at an update is back at its default, either way", () =>
      Effect.gen(function* () {
        const { body } = yield* register("client_secret_post")
        const { client_id, client_secret, registration_access_token } = body
        yield* request(`/register/${client_id}`, {
          method: "PUT",
          headers: { "content-type": "application/json", authorization: `Bearer ${registration_access_token}` },
          body: JSON.stringify({ client_id, redirect_uris: [REDIRECT] })
        })
        assert.isTrue(yield* prove({}, rawBasic(client_id, client_secret)))
        assert.isTrue(yield* prove({ client_id, client_secret }))
      })
    )

    it.effect("F19 Basic with an empty password is how some public clients say who they are, and proves nothing", () =>
      Effect.gen(function* () {
        const answer = yield* exchange(yield* obtainCode(), { client_id: "" }, rawBasic("demo", ""))
        assert.strictEqual(answer.status, 200, answer.text)
        assert.isTrue(yield* prove({ client_id: "demo" }, rawBasic("demo", "")))
        const introspected = yield* postForm("/introspect", { token: answer.body.access_token }, rawBasic("demo", ""))
        assert.strictEqual(introspected.status, 401)
        assert.match(introspected.headers.get("www-authenticate") ?? "", /^Basic /)
      })
    )

    it.effect("F19 a secret that was not form-encoded is read as it stands, where nothing is proven otherwise", () =>
      Effect.gen(function* () {
        const registry = yield* ClientRegistry
        const save = Effect.fn("save")(function* (clientId: string, secret: Redacted.Redacted) {
          yield* registry.save({
            clientId,
            name: clientId,
            redirectUris: [REDIRECT],
            grantTypes: ["authorization_code"],
            authMethods: ["client_secret_basic"],
            secret: yield* chosen(secret),
            disabled: false,
            origin: "configured",
            keys: undefined
          })
        })
        // Broken when decoded, another text when decoded, and an id that is another when decoded.
        for (const [id, secret] of [
          ["plain", "100%zz aB3$kL9!mN2@pQ7"],
          ["plain", "aB3+kL9%41mN2"],
          ["plain+id", "aB3kL9mN2"]
        ] as const) {
          yield* save(id, Redacted.make(secret))
          assert.isTrue(yield* prove({}, rawBasic(id, secret)), `${id} ${secret}`)
          assert.isTrue(yield* prove({ client_id: id }, rawBasic(id, secret)))
          assert.isTrue(yield* prove({}, rawBasic(encodeURIComponent(id), encodeURIComponent(secret))))
          assert.isFalse(yield* prove({}, rawBasic(id, `${secret}x`)))
          const other = yield* postForm("/token", { client_id: "other" }, rawBasic(id, secret))
          assert.strictEqual(other.body.error, "invalid_request")
        }
      })
    )

    it.effect("B16 a client keeps its secret through an update, whichever way it is hashed", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApp
        const { body } = yield* register("client_secret_post")
        const { client_id, registration_access_token } = body
        // As those were stored that did not look random.
        const client_secret = "hunter2"
        const { hash, salt, kdf } = yield* chosen(Redacted.make(client_secret))
        yield* sql`update mcp.oauth_clients set secret_hash = ${hash}, secret_salt = ${salt}, secret_kdf = ${kdf}
                 where client_id = ${client_id}`.pipe(Effect.orDie)
        const put = (token_endpoint_auth_method: string, over: object = {}) =>
          request(`/register/${client_id}`, {
            method: "PUT",
            headers: { "content-type": "application/json", authorization: `Bearer ${registration_access_token}` },
            body: JSON.stringify({ client_id, redirect_uris: [REDIRECT], token_endpoint_auth_method, ...over })
          })
        assert.strictEqual((yield* put("client_secret_post", { client_secret })).status, 200)
        assert.isTrue(yield* prove({ client_id, client_secret }))
        // A new secret does not inherit the old one's salt.
        assert.strictEqual((yield* put("none")).status, 200)
        const renewed = yield* put("client_secret_post")
        assert.match(renewed.body.client_secret, /^mcp_cs_/)
        assert.isTrue(yield* prove({ client_id, client_secret: renewed.body.client_secret }))
        assert.isFalse(yield* prove({ client_id, client_secret }))
      })
    )
  }
)
