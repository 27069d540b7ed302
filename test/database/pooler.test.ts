import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import * as Database from "../../src/database/connect.ts"
import { migrate } from "../../src/database/migrations.sql.ts"
import { freePort, TestApp, testApp } from "../support/app.ts"
import { admitted, obtainTokens, refresh, revoke } from "../support/client.ts"
import { hasPgbouncer, pgbouncer } from "../support/pgbouncer.ts"
import { freshDatabaseUrl } from "../support/postgres.ts"
import { run } from "../support/program.ts"

const configured = (url: string, variables: Readonly<Record<string, string>> = {}) =>
  Layer.provideMerge(Logging, ServerConfig.layerOf({ DATABASE_URL: url, LOG_LEVEL: "none", ...variables }))

/** The connection as the server makes it. */
const connected = (url: string, variables: Readonly<Record<string, string>> = {}) =>
  Layer.fresh(Database.layerUnmigrated).pipe(Layer.provide(configured(url, variables)))

const migratedUrl = Effect.gen(function* () {
  const url = yield* freshDatabaseUrl
  yield* migrate.pipe(Effect.provide(connected(url)))
  return url
})

const met = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql`select current_setting('statement_timeout') as timeout`
  return { pooler: yield* Database.Pooler, isLimited: yield* Database.Limited, timeout: row?.timeout }
})

/** The whole server with the database as it connects to it itself. */
const instance = Effect.fn("instance")(function* (url: string, port: string) {
  const database = Layer.fresh(Database.layer).pipe(Layer.provide(configured(url)), Layer.orDie)
  const context = yield* Layer.build(Layer.fresh(testApp(database, { BASE_URL: `http://localhost:${port}` })))
  const app = Context.get(context, TestApp)
  return <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, TestApp, app)
})

describe("what is met on the way to the database", () => {
  it.live("B19 no pooler: the database itself limits statements and locks", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabaseUrl
      assert.deepStrictEqual(yield* met.pipe(Effect.provide(connected(url))), {
        pooler: "none",
        isLimited: true,
        timeout: "5s"
      })
    }).pipe(Effect.scoped)
  )

  // Skipped where there is no pgbouncer; `.ci/run` installs it.
  describe.skipIf(!hasPgbouncer)("pgbouncer", () => {
    for (const [mode, variables, expected] of [
      ["session", {}, "session"],
      ["transaction", {}, "transaction"],
      ["transaction", { DATABASE_POOLER: "transaction" }, "transaction"]
    ] as const) {
      it.live(`B19, B21 in ${mode} mode is found out (${JSON.stringify(variables)})`, () =>
        Effect.gen(function* () {
          const url = yield* pgbouncer(yield* freshDatabaseUrl, mode)
          assert.deepStrictEqual(yield* met.pipe(Effect.provide(connected(url, variables))), {
            pooler: expected,
            isLimited: false,
            timeout: "0"
          })
        }).pipe(Effect.scoped)
      )
    }

    it.live(
      "B19, B21 db:check says which one it met",
      () =>
        Effect.gen(function* () {
          const url = yield* migratedUrl
          for (const [mode, says] of [
            ["session", /pooler +session mode/],
            ["transaction", /pooler +transaction mode.* Set DATABASE_POOLER=transaction/]
          ] as const) {
            const { code, output } = yield* run("app/programs/dbCheck.ts", {
              DATABASE_URL: yield* pgbouncer(url, mode)
            })
            assert.strictEqual(code, 0, output)
            assert.match(output, says)
            assert.match(output, /limits +not in the database/)
          }
        }).pipe(Effect.scoped),
      { timeout: 60_000 }
    )

    for (const mode of ["session", "transaction"] as const) {
      it.live(
        `B19, B21 in ${mode} mode the server starts, and a revocation holds on the other instance`,
        () =>
          Effect.gen(function* () {
            const url = yield* pgbouncer(yield* migratedUrl, mode)
            const port = String(yield* freePort)
            const [one, other] = [yield* instance(url, port), yield* instance(url, port)]
            for (let round = 0; round < 3; round++) {
              const tokens = yield* one(obtainTokens())
              for (const on of [one, other]) assert.isTrue(yield* on(admitted(tokens.access_token)))
              const refreshed = yield* one(refresh(tokens.refresh_token))
              assert.strictEqual(refreshed.status, 200, refreshed.text)
              yield* one(revoke(tokens.refresh_token))
              const isAdmitted = other(admitted(tokens.access_token))
              // Session mode tells it soon; in transaction mode nothing is remembered, so at once.
              if (mode === "session") {
                yield* Effect.repeat(isAdmitted, { while: (is) => is, schedule: Schedule.spaced("20 millis") })
              }
              assert.isFalse(yield* isAdmitted)
            }
          }).pipe(Effect.scoped),
        { timeout: 60_000 }
      )
    }
  })
})
