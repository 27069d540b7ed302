/**
 * The connection dies while a write is made durable: nobody on our side knows whether it is. The client is told so (503),
 * and whoever asks again finds the truth.
 */

import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Schedule } from "effect"
import { decodeJwt } from "jose"
import { operation } from "../../../src/database/query.ts"
import { TestApp, testApp } from "../../support/app.ts"
import {
  admitted,
  authorizeParameters,
  decide,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  obtainCode,
  obtainTokens,
  REDIRECT_URI,
  refresh,
  request,
  revoke
} from "../../support/client.ts"
import { clientLayer, migratedDatabaseUrl } from "../../support/postgres.ts"
import { type Fate, type PostgresProxy, postgresProxy } from "../../support/postgresProxy.ts"

const FATES: ReadonlyArray<Fate> = ["unsent", "unknown", "unanswered"]

/** The next statement that fits has this fate, or the COMMIT of one, and every other passes. */
const strike = (network: PostgresProxy, fate: Fate, fits: RegExp, at: "itself" | "its COMMIT" = "itself") => {
  let hasStruck = false
  network.decide((statement, _, transaction) => {
    const isIt = at === "itself" ? fits.test(statement) : statement === "COMMIT" && fits.test(transaction)
    if (hasStruck || !isIt) return "passed"
    hasStruck = true
    return fate
  })
  return () => assert.isTrue(hasStruck)
}

const serverWith = Effect.fn("test.server")(function* (graceSeconds: number) {
  const url = new URL(yield* migratedDatabaseUrl)
  const network = yield* postgresProxy(url.hostname, Number(url.port))
  url.port = String(network.port)
  const database = Layer.orDie(clientLayer(url.href, 5))
  return { network, app: testApp(database, { REFRESH_REUSE_GRACE_SECONDS: String(graceSeconds) }) }
})
const server = serverWith(120)

/** How many answers are kept for a repeat. */
const kept = Effect.gen(function* () {
  const { sql } = yield* TestApp
  const [row] = yield* sql<{ n: number }>`select count(*)::int as n from mcp.oauth_redemptions`.pipe(Effect.orDie)
  return row?.n
})
const until = <E, R>(condition: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(condition, { until: (holds) => holds, schedule: Schedule.spaced("20 millis") })

for (const fate of FATES) {
  it.live(`CU1 RF2 a refresh is told 503, and its repeats get one and the same successor (${fate})`, () =>
    Effect.gen(function* () {
      const { network, app } = yield* server
      yield* Effect.gen(function* () {
        const first = yield* obtainTokens()
        const struck = strike(network, fate, /set head_generation/)
        const answer = yield* refresh(first.refresh_token)
        struck()
        assert.strictEqual(answer.status, 503, answer.text)
        const again = yield* refresh(first.refresh_token)
        assert.strictEqual(again.status, 200, again.text)
        assert.strictEqual((yield* refresh(first.refresh_token)).body.refresh_token, again.body.refresh_token)
        assert.isTrue(yield* admitted(again.body.access_token))
        assert.strictEqual((yield* refresh(again.body.refresh_token)).status, 200)
      }).pipe(Effect.provide(app))
    }).pipe(Effect.scoped)
  )

  it.live(`CU2 RV1 a revocation is told 503 until it is done, and then it holds (${fate})`, () =>
    Effect.gen(function* () {
      const { network, app } = yield* server
      yield* Effect.gen(function* () {
        const { access_token, refresh_token } = yield* obtainTokens()
        const struck = strike(network, fate, /set status =/, "its COMMIT")
        assert.strictEqual((yield* revoke(refresh_token)).status, 503)
        struck()
        assert.strictEqual((yield* revoke(refresh_token)).status, 200)
        assert.isFalse(yield* admitted(access_token))
        assert.strictEqual((yield* refresh(refresh_token)).body.error, "invalid_grant")
      }).pipe(Effect.provide(app))
    }).pipe(Effect.scoped)
  )

  it.live(`CU3 RV1 the same of a single access token (${fate})`, () =>
    Effect.gen(function* () {
      const { network, app } = yield* server
      yield* Effect.gen(function* () {
        const { access_token, refresh_token } = yield* obtainTokens()
        const struck = strike(network, fate, /oauth_access_tokens set revoked_at/)
        assert.strictEqual((yield* revoke(access_token)).status, 503)
        struck()
        assert.strictEqual((yield* revoke(access_token)).status, 200)
        assert.isFalse(yield* admitted(access_token))
        assert.strictEqual((yield* refresh(refresh_token)).status, 200)
      }).pipe(Effect.provide(app))
    }).pipe(Effect.scoped)
  )

  it.live(`CU4 TK9 an exchange is told 503, and the same request again gets the tokens, once (${fate})`, () =>
    Effect.gen(function* () {
      const { network, app } = yield* server
      yield* Effect.gen(function* () {
        const code = yield* obtainCode({ scope: "openid mcp.tools.call offline_access", nonce: "a nonce" })
        const struck = strike(network, fate, /insert into mcp.mcp_sessions/)
        assert.strictEqual((yield* exchange(code)).status, 503)
        struck()
        const answer = yield* exchange(code)
        assert.strictEqual(answer.status, 200, answer.text)
        assert.strictEqual(decodeJwt(answer.body.id_token).nonce, "a nonce")
        assert.isTrue(yield* admitted(answer.body.access_token))
        const successor = yield* refresh(answer.body.refresh_token)
        assert.strictEqual(successor.status, 200)
        // Now it was answered: whoever shows it again holds what another one used.
        assert.strictEqual((yield* exchange(code)).body.error, "invalid_grant")
        assert.isFalse(yield* admitted(successor.body.access_token))
      }).pipe(Effect.provide(app))
    }).pipe(Effect.scoped)
  )
}

for (const fate of FATES) {
  it.live(`CU8 a consent is told 503, and the same form again leads to its one code (${fate})`, () =>
    Effect.gen(function* () {
      const { network, app } = yield* server
      yield* Effect.gen(function* () {
        const pkce = newPkce()
        const form = formOf(yield* getAuthorize(authorizeParameters(pkce.challenge)))
        const struck = strike(network, fate, /insert into mcp.oauth_decisions/, "its COMMIT")
        assert.strictEqual((yield* decide(form, "approve")).status, 503)
        struck()
        const codes = yield* Effect.replicateEffect(
          Effect.map(decide(form, "approve"), (answer) => locationOf(answer).searchParams.get("code")),
          2
        )
        assert.strictEqual(codes[0], codes[1])
        const answer = yield* exchange({ code: codes[0] ?? "", verifier: pkce.verifier })
        assert.strictEqual(answer.status, 200, answer.text)
      }).pipe(Effect.provide(app))
    }).pipe(Effect.scoped)
  )
}

for (const fate of ["unsent", "unanswered"] as const) {
  it.live(`CU5 the same in the middle of a transaction (${fate})`, () =>
    Effect.gen(function* () {
      const { network, app } = yield* server
      yield* Effect.gen(function* () {
        const { refresh_token } = yield* obtainTokens()
        const struck = strike(network, fate, /set status =/)
        const answer = yield* revoke(refresh_token)
        struck()
        assert.strictEqual(answer.status, 503, answer.text)
        assert.strictEqual((yield* revoke(refresh_token)).status, 200)
        assert.strictEqual((yield* refresh(refresh_token)).body.error, "invalid_grant")
      }).pipe(Effect.provide(app))
    }).pipe(Effect.scoped)
  )
}

it.live("CU9 so is a refusal whose roll-back is lost: it is no defect", () =>
  Effect.gen(function* () {
    const { network, app } = yield* server
    yield* Effect.gen(function* () {
      const { sql } = yield* TestApp
      network.decide((statement) => (statement === "ROLLBACK" ? "unsent" : "passed"))
      const refused = Effect.andThen(sql`select 1`, Effect.fail("refused"))
      const failed = yield* Effect.flip(operation(sql.withTransaction(refused)))
      assert.include(String(failed), "the database did not answer: ")
    }).pipe(Effect.provide(app))
  }).pipe(Effect.scoped)
)

it.live("CU6 TK10 strict rotation keeps no answer: a code that may have been redeemed is spent", () =>
  Effect.gen(function* () {
    const { network, app } = yield* serverWith(0)
    yield* Effect.gen(function* () {
      const code = yield* obtainCode()
      strike(network, "unanswered", /insert into mcp.mcp_sessions/)
      assert.strictEqual((yield* exchange(code)).status, 503)
      assert.strictEqual(yield* kept, 0)
      assert.strictEqual((yield* exchange(code)).body.error, "invalid_grant")
    }).pipe(Effect.provide(app))
  }).pipe(Effect.scoped)
)

it.live("CU7 an answer that was given is not kept, and one whose client hung up is", () =>
  Effect.gen(function* () {
    const { network, app } = yield* server
    yield* Effect.gen(function* () {
      yield* obtainTokens()
      yield* until(Effect.map(kept, (n) => n === 0))

      const code = yield* obtainCode()
      const isAsked = yield* Deferred.make<void>()
      network.decide((statement) => {
        if (/insert into mcp.mcp_sessions/.test(statement)) {
          network.hush()
          Deferred.doneUnsafe(isAsked, Effect.void)
        }
        return "passed"
      })
      const hangUp = new AbortController()
      const body = new URLSearchParams({
        grant_type: "authorization_code",
        client_id: "demo",
        code: code.code,
        code_verifier: code.verifier,
        redirect_uri: REDIRECT_URI
      })
      const fiber = yield* Effect.forkChild(
        Effect.exit(request("/token", { method: "POST", body, signal: hangUp.signal }))
      )
      yield* Deferred.await(isAsked)
      hangUp.abort()
      yield* Fiber.await(fiber)
      // Its server hears of it over a connection that is still open.
      yield* until(Effect.map(request("/healthz"), ({ status }) => status === 200))
      network.decide(() => "passed")
      network.speak()
      yield* until(Effect.map(kept, (n) => n === 1))
      const answer = yield* exchange(code)
      assert.strictEqual(answer.status, 200, answer.text)
      assert.isTrue(yield* admitted(answer.body.access_token))
    }).pipe(Effect.provide(app))
  }).pipe(Effect.scoped)
)
