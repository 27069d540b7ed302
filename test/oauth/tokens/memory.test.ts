import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Queue, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { RevocationFeed } from "../../../src/database/connect.ts"
import { migrate } from "../../../src/database/migrations.sql.ts"
import { freePort, TestApp, testApp } from "../../support/app.ts"
import { admitted, obtainTokens, refresh, request, revoke } from "../../support/client.ts"
import { clientLayer, freshDatabaseUrl } from "../../support/postgres.ts"
import { postgresProxy } from "../../support/postgresProxy.ts"

/** A Postgres at `url` whose revocations are listened for, as `Database.layer` does it. */
const listening = (url: string) =>
  Layer.effect(
    RevocationFeed,
    Effect.map(PgClient.PgClient, (client) => client.listen("gatehouse_revoked"))
  ).pipe(Layer.provideMerge(clientLayer(url, 5)))

/** The same where whatever the database says comes too late. */
const deaf = (url: string) =>
  Layer.succeed(RevocationFeed, Queue.unbounded<{ readonly payload: string }>()).pipe(
    Layer.provideMerge(clientLayer(url, 5))
  )

/** An instance of the server on the database at `url`; all instances have one address, as behind a balancer. */
const instance = Effect.fn("instance")(function* (
  url: string,
  variables: Readonly<Record<string, string>> = {},
  database = listening
) {
  const context = yield* Layer.build(Layer.fresh(testApp(database(url), variables)))
  const app = Context.get(context, TestApp)
  return <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, TestApp, app)
})

const migratedUrl = Effect.gen(function* () {
  const url = yield* freshDatabaseUrl
  yield* migrate.pipe(Effect.provide(clientLayer(url)))
  return url
})

/** Waits for the end, as long as the test does. */
const ended = <E, R>(isAdmitted: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(isAdmitted, { until: (is) => !is, schedule: Schedule.spaced("5 millis") })

const soon = <E, R>(isAdmitted: Effect.Effect<boolean, E, R>) => Effect.timeout(ended(isAdmitted), "3 seconds")

const sqlAt = (url: string, statement: string) =>
  SqlClient.SqlClient.use((sql) => sql.unsafe(statement)).pipe(Effect.provide(clientLayer(url)), Effect.orDie)

describe("access tokens in memory", () => {
  it.live(
    "are kept for some seconds and no longer, without a query",
    () =>
      Effect.gen(function* () {
        const url = yield* migratedUrl
        const on = yield* instance(url)
        const { access_token } = yield* on(obtainTokens())
        assert.isTrue(yield* on(admitted(access_token)))
        // As if the database had changed behind everybody's back.
        yield* sqlAt(url, "alter table mcp.oauth_access_tokens disable trigger announce_token")
        yield* sqlAt(url, "update mcp.oauth_access_tokens set revoked_at = now()")
        assert.isTrue(yield* on(admitted(access_token)))
        yield* ended(on(admitted(access_token)))
      }).pipe(Effect.scoped),
    { timeout: 30_000 }
  )

  it.live(
    "BR2 what ends a session is heard at once where it happened, and soon everywhere else",
    () =>
      Effect.gen(function* () {
        const url = yield* migratedUrl
        const port = String(yield* freePort)
        const address = { BASE_URL: `http://localhost:${port}` }
        const [one, other] = [yield* instance(url, address), yield* instance(url, address)]
        const both = Effect.fn("both")(function* () {
          const tokens = yield* one(obtainTokens())
          for (const on of [one, other]) assert.isTrue(yield* on(admitted(tokens.access_token)))
          return tokens
        })

        const revoked = yield* both()
        yield* one(revoke(revoked.refresh_token))
        assert.isFalse(yield* one(admitted(revoked.access_token)))
        yield* soon(other(admitted(revoked.access_token)))

        const alone = yield* both()
        yield* one(revoke(alone.access_token))
        assert.isFalse(yield* one(admitted(alone.access_token)))
        yield* soon(other(admitted(alone.access_token)))

        const stolen = yield* both()
        yield* one(refresh(stolen.refresh_token))
        yield* one(refresh(stolen.refresh_token))
        assert.isFalse(yield* one(admitted(stolen.access_token)))
        yield* soon(other(admitted(stolen.access_token)))

        for (const statement of [
          "update mcp.mcp_sessions set status = 'revoked', status_changed_at = now() where status = 'active'",
          "update mcp.oauth_access_tokens set expires_at = now() where expires_at > now()",
          "update mcp.oauth_clients set disabled_at = now()"
        ]) {
          const { access_token } = yield* both()
          yield* sqlAt(url, statement)
          for (const on of [one, other]) yield* soon(on(admitted(access_token)))
        }
        yield* sqlAt(url, "update mcp.oauth_clients set disabled_at = null")
        const deleted = yield* both()
        yield* sqlAt(url, "delete from mcp.oauth_clients")
        for (const on of [one, other]) yield* soon(on(admitted(deleted.access_token)))
      }).pipe(Effect.scoped),
    { timeout: 30_000 }
  )

  it.live(
    "BR2 are forgotten by a process that ends their session, also where whoever asked it to has hung up",
    () =>
      Effect.gen(function* () {
        const url = yield* migratedUrl
        const on = yield* instance(url, {}, deaf)
        const tokens = yield* on(obtainTokens())
        assert.isTrue(yield* on(admitted(tokens.access_token)))
        const given = yield* Deferred.make<void>()
        const held = yield* Deferred.make<void>()
        const holder = yield* SqlClient.SqlClient.use((sql) =>
          Effect.gen(function* () {
            yield* sql`select from mcp.mcp_sessions for update`
            yield* Deferred.succeed(held, undefined)
            yield* Deferred.await(given)
          }).pipe(sql.withTransaction)
        ).pipe(Effect.provide(clientLayer(url)), Effect.forkChild)
        yield* Deferred.await(held)
        const controller = new AbortController()
        const { signal } = controller
        const body = new URLSearchParams({ client_id: "demo", token: tokens.refresh_token })
        const asking = yield* on(Effect.exit(request("/revoke", { method: "POST", body, signal }))).pipe(
          Effect.forkChild
        )
        const waits = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        yield* Effect.repeat(sqlAt(url, waits), {
          until: (rows) => rows.length > 0,
          schedule: Schedule.spaced("20 millis")
        })
        controller.abort()
        yield* Fiber.join(asking)
        // It is kept for five seconds, which are not over by now.
        yield* Deferred.succeed(given, undefined)
        yield* Fiber.join(holder)
        yield* soon(on(admitted(tokens.access_token)))
        assert.deepStrictEqual(yield* sqlAt(url, "select status from mcp.mcp_sessions"), [{ status: "revoked" }])
      }).pipe(Effect.scoped),
    { timeout: 60_000 }
  )

  it.live(
    "never outlive their expiry, and are not kept while nobody listens",
    () =>
      Effect.gen(function* () {
        const url = yield* migratedUrl
        const short = yield* instance(url, { ACCESS_TOKEN_TTL_SECONDS: "4" })
        const brief = yield* short(obtainTokens())
        assert.isTrue(yield* short(admitted(brief.access_token)))
        yield* ended(short(admitted(brief.access_token)))

        const direct = new URL(url)
        const network = yield* postgresProxy(direct.hostname, Number(direct.port))
        const distant = new URL(url)
        distant.port = String(network.port)
        const on = yield* instance(distant.href)
        const { access_token } = yield* on(obtainTokens())
        assert.isTrue(yield* on(admitted(access_token)))
        // The listener is lost with the network; what was kept is forgotten, and the next one is heard again.
        network.cut()
        yield* soon(on(admitted(access_token)))
        network.mend()
        assert.isTrue(yield* on(admitted(access_token)))
        yield* Effect.sleep("1500 millis")
        assert.isTrue(yield* on(admitted(access_token)))
        yield* sqlAt(url, "update mcp.mcp_sessions set status = 'revoked', status_changed_at = now()")
        yield* soon(on(admitted(access_token)))
      }).pipe(Effect.scoped),
    { timeout: 30_000 }
  )
})
