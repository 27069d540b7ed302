import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { migrate } from "../../src/database/migrations.sql.ts"
import { testApp } from "../support/app.ts"
import {
  type Answer,
  admitted,
  authorizeParameters,
  decide,
  exchange,
  formOf,
  getAuthorize,
  newPkce,
  obtainCode,
  obtainTokens,
  refresh,
  request,
  revoke,
  rpc
} from "../support/client.ts"
import { browserOf, csrfOf, postPage, somebody, visitPage } from "../support/people.ts"
import { clientLayer, freshDatabaseUrl } from "../support/postgres.ts"
import { postgresProxy } from "../support/postgresProxy.ts"

/** A real Postgres behind a network that can be cut. */
const distantPostgres = Effect.gen(function* () {
  const url = new URL(yield* freshDatabaseUrl)
  const network = yield* postgresProxy(url.hostname, Number(url.port))
  url.port = String(network.port)
  const client = clientLayer(url.href, 5, { connectTimeout: "2 seconds" })
  return { network, database: Layer.provideMerge(Layer.effectDiscard(migrate), client) }
})

const isUnavailable = (answer: Answer, what: string) => {
  assert.strictEqual(answer.status, 503, `${what}: ${answer.text}`)
  assert.match(answer.headers.get("retry-after") ?? "", /^[1-9]\d*$/, what)
  assert.isNull(answer.headers.get("www-authenticate"), what)
  assert.notMatch(answer.text, /invalid_|127\.0\.0\.1|ECONN|postgres|select |at .*\.ts/i, what)
}

describe("without the database", () => {
  it.live(
    "OP1, TK18, RV8, BR10 every endpoint says 503 and later, nothing is lost, and all goes on once it is back",
    () =>
      Effect.gen(function* () {
        const { network, database } = yield* distantPostgres
        yield* Effect.gen(function* () {
          const code = yield* obtainCode()
          const tokens = yield* obtainTokens()
          const pkce = newPkce()
          const form = formOf(yield* getAuthorize(authorizeParameters(pkce.challenge)))

          network.cut()
          assert.strictEqual((yield* request("/readyz")).status, 503)
          assert.strictEqual((yield* request("/healthz")).status, 200)
          const exchanged = yield* exchange(code)
          isUnavailable(exchanged, "exchange")
          assert.strictEqual(exchanged.body.error, "temporarily_unavailable")
          isUnavailable(yield* refresh(tokens.refresh_token), "refresh")
          isUnavailable(yield* revoke(tokens.refresh_token), "revoke")
          isUnavailable(yield* rpc(tokens.access_token, "tools/list"), "mcp")
          isUnavailable(yield* getAuthorize(authorizeParameters(pkce.challenge)), "authorize")
          isUnavailable(yield* decide(form, "approve"), "decision")
          // What needs no database is answered as ever.
          for (const path of ["oauth-authorization-server", "openid-configuration", "oauth-protected-resource/mcp"]) {
            assert.strictEqual((yield* request(`/.well-known/${path}`)).status, 200, path)
          }
          assert.strictEqual((yield* rpc("mcp_at_junk", "tools/list")).status, 401)

          network.mend()
          assert.strictEqual((yield* request("/readyz")).status, 200)
          assert.strictEqual((yield* exchange(code)).status, 200)
          assert.isTrue(yield* admitted(tokens.access_token))
          assert.strictEqual((yield* refresh(tokens.refresh_token)).status, 200)
          assert.strictEqual((yield* decide(form, "approve")).status, 303)
        }).pipe(Effect.provide(testApp(database)))
      }).pipe(Effect.scoped)
  )

  it.live("UI12 a person reads it on a page, with the number of the request", () =>
    Effect.gen(function* () {
      const { network, database } = yield* distantPostgres
      yield* Effect.gen(function* () {
        const { cookie } = yield* browserOf((yield* somebody("Ada")).id)
        const form = csrfOf(yield* visitPage("/account", cookie))
        network.cut()
        const answers = yield* Effect.all({
          "/": visitPage("/", cookie),
          "/account": visitPage("/account", cookie),
          "/account/apps": visitPage("/account/apps", cookie),
          "/admin": visitPage("/admin", cookie),
          "/admin/events": visitPage("/admin/events", cookie),
          "a form": postPage("/account/name", { cookie, csrf_token: form }, { name: "Ada" })
        })
        for (const [what, answer] of Object.entries(answers)) {
          isUnavailable(answer, what)
          assert.match(answer.headers.get("content-type") ?? "", /^text\/html/, what)
          assert.include(answer.text, `<code>${answer.headers.get("x-request-id")}</code>`, what)
        }
        network.mend()
        assert.strictEqual((yield* visitPage("/account", cookie)).status, 200)
      }).pipe(Effect.provide(testApp(database)))
    }).pipe(Effect.scoped)
  )

  it.live(
    "B6 a database that says nothing is 503 too, for more requests than there are connections, and all goes on afterwards",
    () =>
      Effect.gen(function* () {
        const { network, database } = yield* distantPostgres
        yield* Effect.gen(function* () {
          // At once, so that every connection of the pool is open, and falls silent.
          const [tokens, untouched, ...others] = yield* Effect.all(
            Array.from({ length: 12 }, () => obtainTokens()),
            { concurrency: "unbounded" }
          )
          const pkce = newPkce()

          network.hush()
          for (let round = 0; round < 2; round++) {
            const answers = yield* Effect.all(
              {
                refresh: refresh(tokens?.refresh_token ?? ""),
                // More than there are connections: those who wait for one are answered as well.
                mcp: Effect.forEach(others, ({ access_token }) => rpc(access_token, "tools/list"), {
                  concurrency: "unbounded"
                }),
                revoke: revoke(tokens?.refresh_token ?? ""),
                authorize: getAuthorize(authorizeParameters(pkce.challenge)),
                ready: request("/readyz"),
                healthy: request("/healthz")
              },
              { concurrency: "unbounded" }
            )
            assert.strictEqual(answers.ready.status, 503)
            assert.strictEqual(answers.healthy.status, 200)
            isUnavailable(answers.refresh, "refresh")
            for (const answer of answers.mcp) isUnavailable(answer, "mcp")
            isUnavailable(answers.revoke, "revoke")
            isUnavailable(answers.authorize, "authorize")
          }

          network.speak()
          yield* Effect.suspend(() => request("/readyz")).pipe(
            Effect.repeat({ until: ({ status }) => status === 200, schedule: Schedule.spaced("100 millis") }),
            Effect.timeout("20 seconds")
          )
          const again = yield* Effect.forEach(others, ({ access_token }) => rpc(access_token, "tools/list"), {
            concurrency: "unbounded"
          })
          for (const answer of again) assert.strictEqual(answer.status, 200, answer.text)
          assert.strictEqual((yield* refresh(untouched?.refresh_token ?? "")).status, 200)
          assert.isTrue(yield* admitted((yield* obtainTokens()).access_token))
        }).pipe(Effect.provide(testApp(database)))
      }).pipe(Effect.scoped),
    { timeout: 120_000 }
  )
})
