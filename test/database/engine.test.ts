import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Fiber, Layer, Queue } from "effect"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import * as Database from "../../src/database/connect.ts"
import { capturedLogs } from "../support/logs.ts"
import { clientLayer, migratedDatabaseUrl } from "../support/postgres.ts"
import { postgresProxy } from "../support/postgresProxy.ts"

/** The database as the server connects to it. */
const connected = (DATABASE_URL: string) =>
  Layer.build(
    Layer.fresh(Database.layer).pipe(
      Layer.provide(
        Layer.provideMerge(Logging, ServerConfig.layerOf({ DATABASE_URL, LOG_LEVEL: "warn", LOG_FORMAT: "json" }))
      )
    )
  )

/** What is said of it when a server connects. */
const told = Effect.fnUntraced(function* (url: string) {
  const { lines } = yield* capturedLogs
  yield* connected(url)
  return lines.map(({ message }) => String(message))
}, Effect.scoped)

/** What some engine does instead; sessions that begin later see it. */
const PRETENDED = {
  "advisory locks": `
    create schema stubs;
    create function stubs.pg_advisory_xact_lock(bigint) returns void language sql as 'select';
    create function stubs.pg_try_advisory_xact_lock(bigint) returns boolean language sql as 'select true';
    do $$ begin execute format('alter database %I set search_path = stubs, pg_catalog, public', current_database()); end $$`,
  "row locks": `
    alter table mcp.schema_migrations rename to kept;
    create function mcp.kept_rows() returns setof mcp.kept language sql as 'select * from mcp.kept';
    create view mcp.schema_migrations as select * from mcp.kept_rows()`,
  "waiting for who was first": `
    do $$ begin
      execute format('alter database %I set default_transaction_isolation = serializable', current_database());
    end $$`
}

describe("what the engine does without", () => {
  it.live("is nothing on Postgres, and nothing is said", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* told(yield* migratedDatabaseUrl), [])
    }).pipe(Effect.scoped)
  )

  for (const [what, statements] of Object.entries(PRETENDED)) {
    it.live(`is said at the start: ${what}`, () =>
      Effect.gen(function* () {
        const url = yield* migratedDatabaseUrl
        for (const statement of statements.split(/;(?=\n +(?:create|do|alter))/)) {
          yield* PgClient.PgClient.use((sql) => sql.unsafe(statement)).pipe(Effect.provide(clientLayer(url, 1)))
        }
        const lines = yield* told(url)
        assert.lengthOf(lines, 1)
        assert.match(lines[0] ?? "", new RegExp(`^the database does without ${what} \\([^;]*\\)$`))
      }).pipe(Effect.scoped)
    )
  }

  /** A way on which no session tells another one anything, until it is mended. */
  const deaf = Effect.gen(function* () {
    const direct = new URL(yield* migratedDatabaseUrl)
    const network = yield* postgresProxy(direct.hostname, Number(direct.port))
    network.decide((statement) => (statement.includes("pg_notify") ? "unsent" : "passed"))
    const through = new URL(direct)
    through.port = String(network.port)
    return { direct: direct.href, through: through.href, mend: () => network.decide(() => "passed") }
  })

  it.live("B21 is said at the start: notifications", () =>
    Effect.gen(function* () {
      const [line, ...more] = yield* told((yield* deaf).through)
      assert.match(line ?? "", /^the database does without notifications \(/)
      assert.lengthOf(more, 0)
    }).pipe(Effect.scoped)
  )

  it.live("B21 what was not heard at the start is heard later, once there is somebody who tells it", () =>
    Effect.gen(function* () {
      const { direct, through, mend } = yield* deaf
      const context = yield* connected(through)
      assert.strictEqual(Context.get(context, Database.Pooler), "transaction")
      mend()
      const feed = Context.get(context, Database.RevocationFeed) ?? assert.fail("nothing is listened to")
      const live = yield* Clock.Clock
      // Minutes pass at once.
      const hasty: Clock.Clock = Object.assign(Object.create(live), {
        sleep: (time: Duration.Duration) => (Duration.toMinutes(time) < 1 ? live.sleep(time) : Effect.void)
      })
      const heard = yield* Effect.flatMap(feed, Queue.take).pipe(
        Effect.scoped,
        Effect.provideService(Clock.Clock, hasty),
        Effect.forkChild
      )
      const teller = Context.get(yield* Layer.build(clientLayer(direct, 1)), PgClient.PgClient)
      while (heard.pollUnsafe() === undefined) yield* teller.notify("gatehouse_revoked", "a session")
      assert.strictEqual((yield* Fiber.join(heard)).payload, "a session")
    }).pipe(Effect.scoped)
  )
})
