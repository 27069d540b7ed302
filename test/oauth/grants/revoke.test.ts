import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import * as ClientSecret from "../../../src/oauth/clients/secret.ts"
import { TestApp, testApp } from "../../support/app.ts"
import { admitted, obtainTokens, postForm, refresh, request, revoke, rowCounts } from "../../support/client.ts"
import { TestDatabase } from "../../support/postgres.ts"

const statusOf = Effect.gen(function* () {
  const { sql } = yield* TestApp
  const [row] = yield* sql`select status from mcp.mcp_sessions order by created_at desc limit 1`.pipe(Effect.orDie)
  return row?.status
})

layer(testApp(TestDatabase.pglite), { excludeTestServices: true, timeout: "60 seconds" })(
  "/revoke (RFC 7009)",
  (it) => {
    it.effect("RV1 an access token dies alone and at once", () =>
      Effect.gen(function* () {
        const tokens = yield* obtainTokens()
        const answer = yield* revoke(tokens.access_token)
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.text, "")
        assert.strictEqual(answer.headers.get("cache-control"), "no-store")
        assert.isFalse(yield* admitted(tokens.access_token))
        assert.strictEqual((yield* refresh(tokens.refresh_token)).status, 200)
      })
    )

    it.effect("RV2 a refresh token takes its whole session", () =>
      Effect.gen(function* () {
        const tokens = yield* obtainTokens()
        const { body } = yield* refresh(tokens.refresh_token)
        assert.strictEqual((yield* revoke(body.refresh_token)).status, 200)
        assert.isFalse(yield* admitted(tokens.access_token))
        assert.isFalse(yield* admitted(body.access_token))
        assert.strictEqual((yield* refresh(body.refresh_token)).body.error, "invalid_grant")
        assert.strictEqual(yield* statusOf, "revoked")
      })
    )

    it.effect("RV3 unknown, damaged and already revoked tokens are 200", () =>
      Effect.gen(function* () {
        const { access_token, refresh_token } = yield* obtainTokens()
        for (const token of [
          "garbage",
          "mcp_at_x",
          `${access_token}x`,
          refresh_token,
          refresh_token,
          access_token,
          "\u0000"
        ]) {
          assert.strictEqual((yield* revoke(token)).status, 200, token)
        }
      })
    )

    it.effect("RV4 a missing token is invalid_request; a wrong hint changes nothing", () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* postForm("/revoke", { client_id: "demo" })).body.error, "invalid_request")
        for (const token_type_hint of ["refresh_token", "access_token", "unknown"]) {
          const { access_token } = yield* obtainTokens()
          assert.strictEqual((yield* revoke(access_token, { token_type_hint })).status, 200)
          assert.isFalse(yield* admitted(access_token))
        }
      })
    )

    it.effect("RV5, RV6 another client's token lives on, and so does one revoked without the client's secret", () =>
      Effect.gen(function* () {
        const registry = yield* ClientRegistry
        const demo = yield* registry.find("demo")
        const secret = yield* ClientSecret.hash(ClientSecret.generate())
        if (demo) yield* registry.save({ ...demo, clientId: "public-other" })
        if (demo) yield* registry.save({ ...demo, clientId: "rv6", authMethods: ["client_secret_post"], secret })
        const tokens = yield* obtainTokens()
        const before = yield* rowCounts()
        for (const token of [tokens.access_token, tokens.refresh_token]) {
          assert.strictEqual((yield* revoke(token, { client_id: "public-other" })).status, 200)
          assert.strictEqual((yield* revoke(token, { client_id: "rv6" })).status, 401)
          assert.strictEqual(
            (yield* revoke(token, { client_id: "rv6", client_secret: "wrong" })).body.error,
            "invalid_client"
          )
        }
        assert.deepStrictEqual(yield* rowCounts(), before)
        assert.isTrue(yield* admitted(tokens.access_token))
      })
    )

    it.effect("RV7 only POST, each parameter once; a retired refresh token revokes its session", () =>
      Effect.gen(function* () {
        const get = yield* request("/revoke")
        assert.strictEqual(get.status, 405)
        assert.strictEqual(get.headers.get("allow"), "POST")
        const tokens = yield* obtainTokens()
        const twice = [
          ["client_id", "demo"],
          ["token", tokens.refresh_token],
          ["token", tokens.refresh_token]
        ] as const
        assert.strictEqual((yield* postForm("/revoke", twice)).body.error, "invalid_request")
        const { body } = yield* refresh(tokens.refresh_token)
        assert.strictEqual((yield* revoke(tokens.refresh_token)).status, 200)
        assert.isFalse(yield* admitted(body.access_token))
        assert.strictEqual(yield* statusOf, "revoked")
      })
    )
  }
)
