import { readFileSync } from "node:fs"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type Statement } from "effect/sql"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import * as Database from "../../src/database/connect.ts"
import { applied, compared, known, migrate, pending, renderSchema, verify } from "../../src/database/migrations.sql.ts"
import { clientOf, freshDatabaseUrl, TestDatabase } from "../support/postgres.ts"
import { postgresProxy } from "../support/postgresProxy.ts"

const emptyDatabase = Layer.fresh(PgClient.layerFrom(Effect.flatMap(freshDatabaseUrl, (url) => clientOf(url))))
/** As the programs connect, with the server's own limits on statements and locks. */
const limited = (url: string) =>
  Layer.fresh(Database.layerUnmigrated).pipe(
    Layer.provide(Layer.provideMerge(Logging, ServerConfig.layerOf({ DATABASE_URL: url, LOG_LEVEL: "none" })))
  )
const SCHEMA = new URL("../../supabase/schema.sql", import.meta.url)

/** Everything that makes up the schema, in the catalog's own words. */
const description = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const columns = yield* sql`
    select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
    where table_schema = 'mcp' order by 1, 2`
  const indexes = yield* sql`select tablename, indexdef from pg_indexes where schemaname = 'mcp' order by 1, 2`
  const constraints = yield* sql`
    select conrelid::regclass::text as on, conname, pg_get_constraintdef(oid) as definition from pg_constraint
    where connamespace = 'mcp'::regnamespace order by 1, 2`
  const tables = yield* sql`
    select relname, relrowsecurity, obj_description(oid) as comment from pg_class
    where relnamespace = 'mcp'::regnamespace and relkind = 'r' order by 1`
  return { columns, indexes, constraints, tables, versions: yield* applied }
})

it.live("a migration whose connection is lost says so in a sentence, and the next one does it", () =>
  Effect.gen(function* () {
    const url = new URL(yield* freshDatabaseUrl)
    const network = yield* postgresProxy(url.hostname, Number(url.port))
    url.port = String(network.port)
    const sql = yield* Effect.provide(clientOf(url.href), Reactivity.layer)
    network.decide((statement) => (statement.includes("create table mcp.people") ? "unanswered" : "passed"))
    const failed = yield* Effect.flip(Effect.provideService(migrate, SqlClient.SqlClient, sql))
    assert.strictEqual(failed._tag, "MigrationFailed")
    assert.match(failed.message, /^the database was lost, and nothing was changed: \w/)
    network.decide(() => "passed")
    assert.lengthOf(yield* Effect.provideService(migrate, SqlClient.SqlClient, sql), known.length)
  }).pipe(Effect.scoped)
)

describe("a migration that had to wait for another run", () => {
  it.live(
    "sees what that one did, whatever its connection believed before",
    () =>
      Effect.gen(function* () {
        const url = yield* freshDatabaseUrl
        const [one, other] = yield* Effect.all([clientOf(url, 2), clientOf(url, 1)]).pipe(
          Effect.provide(Reactivity.layer)
        )
        const on = (sql: SqlClient.SqlClient) => Effect.provideService(SqlClient.SqlClient, sql)
        assert.deepStrictEqual(yield* on(other)(applied), [])
        const waiting = yield* one.withTransaction(
          Effect.gen(function* () {
            yield* on(one)(migrate)
            const fiber = yield* Effect.forkScoped(on(other)(migrate))
            yield* Effect.repeat(one`select from pg_locks where locktype = 'advisory' and not granted`, {
              until: (rows) => rows.length > 0
            })
            return fiber
          })
        )
        assert.deepStrictEqual(yield* Fiber.join(waiting), [])
      }).pipe(Effect.scoped),
    { timeout: 60_000 }
  )
})

it.layer(emptyDatabase, { excludeTestServices: true })("migrations on an empty Postgres", (it) => {
  it.effect("two at once apply each migration once, and a third finds nothing to do", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* Effect.flip(verify))._tag, "SchemaTooOld")
      const both = yield* Effect.all([migrate, migrate], { concurrency: "unbounded" })
      assert.deepStrictEqual(both.map(({ length }) => length).sort(), [0, known.length])
      assert.deepStrictEqual(yield* migrate, [])
      assert.deepStrictEqual(yield* pending, [])
      yield* verify
    })
  )

  it.effect("an older program goes on beside a newer schema, until what it needs is taken away", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* migrate
      const newest = known.at(-1)?.version ?? ""
      yield* sql`insert into mcp.schema_migrations (version, name, since) values
        ('99990101000000', 'expands', null), ('99990102000000', 'contracts_what_this_one_does_not_use', ${newest})`
      assert.deepStrictEqual(yield* migrate, [])
      assert.deepStrictEqual(yield* compared, { missing: [], newer: ["99990101000000", "99990102000000"] })
      yield* verify
      yield* sql`insert into mcp.schema_migrations (version, name, since) values
        ('99990103000000', 'contracts', '99990101000000')`
      for (const error of [yield* Effect.flip(migrate), yield* Effect.flip(verify)]) {
        assert.strictEqual(error._tag, "SchemaTooNew")
        assert.include(String(error.message), "99990103000000")
      }
      // As a list looked before there was such a column.
      yield* sql`alter table mcp.schema_migrations drop column since`
      yield* verify
    })
  )
})

describe("migrations under the server's own limits", () => {
  /** What a statement that creates something runs into. */
  const hindrance = Effect.fnUntraced(function* (tag: string, body: string) {
    const sql = yield* SqlClient.SqlClient
    yield* sql.unsafe(`create function hindrance() returns event_trigger language plpgsql as $$ begin ${body} end $$`)
    yield* sql.unsafe(`create event trigger hindrance on ddl_command_start when tag in ('${tag}')
      execute function hindrance()`)
  })

  it.live(
    "B7 one that takes longer than the server's statements may is applied, and so is the one that waits for it",
    () =>
      Effect.gen(function* () {
        const url = yield* freshDatabaseUrl
        const slowly = hindrance("CREATE SCHEMA", "perform pg_sleep(6);")
        yield* slowly.pipe(Effect.provide(limited(url)))
        const both = yield* Effect.all(
          [migrate.pipe(Effect.provide(limited(url))), migrate.pipe(Effect.provide(limited(url)))],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(both.map(({ length }) => length).sort(), [0, known.length])
      }).pipe(Effect.scoped),
    { timeout: 60_000 }
  )

  it.live("B7 one that finds a table held lets others through in between, and is applied when it is let go", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabaseUrl
      const client = Effect.provide(clientOf(url, 1), Reactivity.layer)
      const [holder, reader] = [yield* client, yield* client]
      yield* holder`create table held (a integer)`
      yield* hindrance("CREATE INDEX", "lock table held in access exclusive mode;").pipe(Effect.provide(limited(url)))
      const migrating = yield* holder.withTransaction(
        Effect.gen(function* () {
          yield* holder`lock table held in access share mode`
          const fiber = yield* Effect.forkScoped(migrate.pipe(Effect.provide(limited(url))))
          yield* Effect.repeat(holder`select from pg_locks where relation = 'held'::regclass and not granted`, {
            until: (rows) => rows.length > 0
          })
          // It waits behind the migration, which waits for us, for as long as we like.
          assert.deepStrictEqual(yield* reader`select * from held`, [])
          return fiber
        })
      )
      assert.lengthOf(yield* Fiber.join(migrating), known.length)
    }).pipe(Effect.scoped)
  )

  it.live("B7 one that fails says which, why, and that nothing was changed", () =>
    Effect.gen(function* () {
      for (const [code, words] of [
        ["55P03", /something else held what it changes, each of 20 times; see pg_stat_activity/],
        ["53100", /the disk is full/]
      ] as const) {
        const failing = Effect.gen(function* () {
          yield* hindrance("CREATE INDEX", `raise exception 'the disk is full' using errcode = '${code}';`)
          const { message } = yield* Effect.flip(migrate)
          assert.match(message, /^migration 2026\d{10}_\w+ failed, and nothing was changed: /)
          assert.match(message, words)
          assert.deepStrictEqual(yield* applied, [])
        })
        yield* failing.pipe(Effect.provide(limited(yield* freshDatabaseUrl)))
      }
    }).pipe(Effect.scoped)
  )
})

it.layer(emptyDatabase, { excludeTestServices: true })("schema.sql", (it) => {
  it.effect("is what the migrations say, to the letter and in the catalog", () =>
    Effect.gen(function* () {
      assert.strictEqual(readFileSync(SCHEMA, "utf8"), renderSchema(), "run: npm run db:schema")
      const sql = yield* SqlClient.SqlClient
      const body = renderSchema()
        .replace(/^begin;$/m, "")
        .replace(/^commit;$/m, "")
      yield* sql.unsafe(`do $schema$ begin\n${body}\nend $schema$`)
      assert.deepStrictEqual(yield* pending, [])
      const fromFile = yield* description
      const fromMigrations = yield* description.pipe(Effect.provide(TestDatabase.postgres))
      assert.deepStrictEqual(fromFile, fromMigrations)
    })
  )
})

/** The roles that Supabase's APIs speak as; the last passes by row level security. */
const API_ROLES = ["anon", "authenticated", "authenticator", "service_role"]

it.layer(emptyDatabase, { excludeTestServices: true })("on Supabase", (it) => {
  it.effect("every table has row level security and no policy, and no role of the APIs may do anything at all", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      // As Supabase has them, and wider: whatever is made is theirs, in any schema.
      for (const role of API_ROLES) {
        yield* sql.unsafe(`do $$ begin create role ${role}; exception when duplicate_object then null; end $$`)
        for (const kind of ["tables", "sequences", "functions"]) {
          yield* sql.unsafe(`alter default privileges grant all on ${kind} to ${role}`)
        }
      }
      yield* migrate
      const open = yield* sql`
        select relname from pg_class where relnamespace = 'mcp'::regnamespace and relkind = 'r' and not relrowsecurity`
      assert.deepStrictEqual(open, [])
      assert.deepStrictEqual(yield* sql`select * from pg_policies where schemaname = 'mcp'`, [])

      const names = (query: Statement.Statement<{ readonly name: string }>) =>
        Effect.map(query, (rows) => rows.map(({ name }) => name))
      const tables = yield* names(
        sql`select relname as name from pg_class where relnamespace = 'mcp'::regnamespace and relkind in ('r', 'v', 'm', 'p')`
      )
      const sequences = yield* names(
        sql`select relname as name from pg_class where relnamespace = 'mcp'::regnamespace and relkind = 'S'`
      )
      const functions = yield* names(sql`select proname as name from pg_proc where pronamespace = 'mcp'::regnamespace`)
      assert.isAbove(tables.length, 20)
      assert.isAbove(sequences.length, 0)
      assert.isAbove(functions.length, 0)
      const attempts = [
        ...tables.flatMap((table) => [
          `select * from mcp.${table}`,
          `insert into mcp.${table} default values`,
          `delete from mcp.${table}`,
          `truncate mcp.${table}`,
          `lock table mcp.${table} in access share mode`,
          `alter table mcp.${table} disable row level security`,
          `comment on table mcp.${table} is ''`
        ]),
        ...sequences.map((sequence) => `select nextval('mcp.${sequence}')`),
        ...functions.map((name) => `select mcp.${name}()`),
        "create table mcp.theirs (id int)",
        "drop schema mcp cascade"
      ]
      for (const role of API_ROLES) {
        // A role that passes by row level security has no more of this schema than the others.
        if (role === "service_role") yield* sql.unsafe(`alter role ${role} bypassrls`)
        for (const attempt of attempts) {
          const refused = yield* sql
            .withTransaction(Effect.andThen(sql.unsafe(`set local role ${role}`), sql.unsafe(attempt)))
            .pipe(Effect.flip)
          assert.strictEqual(refused.reason._tag, "AuthorizationError", `${role}: ${attempt}`)
        }
      }
    })
  )
})
