import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import * as ClientSecret from "../../../src/oauth/clients/secret.ts"
import { TestApp, testApp } from "../../support/app.ts"
import {
  authorizeParameters,
  decide,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  postForm,
  rowCounts
} from "../../support/client.ts"
import { publicClient, REDIRECT_URI } from "../../support/grants.ts"
import { TestDatabase } from "../../support/postgres.ts"

const secret = ClientSecret.generate()
const client_id = "either"

/** How a client says who it is: in the body and in the header. */
const WAYS = {
  none: [{ client_id }, {}],
  client_secret_post: [{ client_id, client_secret: Redacted.value(secret) }, {}],
  client_secret_basic: [
    {},
    { authorization: `Basic ${Buffer.from(`${client_id}:${Redacted.value(secret)}`).toString("base64")}` }
  ]
} as const
type Way = keyof typeof WAYS

const post = (way: Way, parameters: Readonly<Record<string, string>>) => {
  const [body, headers] = WAYS[way]
  return postForm("/token", { ...parameters, ...body }, headers)
}
const refresh = (way: Way, refresh_token: string) => post(way, { grant_type: "refresh_token", refresh_token })

const begin = Effect.fn("begin")(function* (way: Way) {
  const registry = yield* ClientRegistry
  yield* registry.save({
    ...publicClient(client_id),
    authMethods: ["none", "client_secret_post", "client_secret_basic"],
    secret: yield* ClientSecret.hash(secret)
  })
  const { verifier, challenge } = newPkce()
  const parameters = authorizeParameters(challenge, { client_id, redirect_uri: REDIRECT_URI })
  const answer = yield* decide(formOf(yield* getAuthorize(parameters)), "approve")
  const code = locationOf(answer).searchParams.get("code") ?? ""
  const { body } = yield* post(way, { grant_type: "authorization_code", code, code_verifier: verifier })
  return body.refresh_token as string
})

for (const grace of ["0", "120"]) {
  layer(testApp(TestDatabase.quick, { REFRESH_REUSE_GRACE_SECONDS: grace }), {
    excludeTestServices: true,
    timeout: "60 seconds"
  })(`authentication of a session's client, grace ${grace}`, (it) => {
    it.effect("B9 a session that began with a proof is not refreshed without one, and a try changes nothing", () =>
      Effect.gen(function* () {
        for (const way of ["client_secret_post", "client_secret_basic"] as const) {
          const first = yield* begin(way)
          const before = yield* rowCounts()
          const weak = yield* refresh("none", first)
          assert.strictEqual(weak.status, 400)
          assert.strictEqual(weak.body.error, "invalid_grant")
          assert.deepStrictEqual(yield* rowCounts(), before)
          // Either way of showing the secret is as good as the other.
          const second = yield* refresh("client_secret_post", first)
          assert.strictEqual(second.status, 200, second.text)
          // Nor does a retired token, shown without a proof, end the session or lead to its successor.
          const after = yield* rowCounts()
          assert.strictEqual((yield* refresh("none", first)).body.error, "invalid_grant")
          assert.deepStrictEqual(yield* rowCounts(), after)
          const third = yield* refresh("client_secret_basic", second.body.refresh_token)
          assert.strictEqual(third.status, 200, third.text)
        }
      })
    )

    it.effect("B9 a session that began without a proof goes on with or without one", () =>
      Effect.gen(function* () {
        const first = yield* begin("none")
        const second = yield* refresh("none", first)
        assert.strictEqual(second.status, 200, second.text)
        const third = yield* refresh("client_secret_basic", second.body.refresh_token)
        assert.strictEqual(third.status, 200, third.text)
      })
    )

    it.effect("B9 a session from before the method was kept goes on", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApp
        const first = yield* begin("client_secret_post")
        yield* sql`update mcp.mcp_sessions set auth_method = null`.pipe(Effect.orDie)
        assert.strictEqual((yield* refresh("none", first)).status, 200)
      })
    )
  })
}
