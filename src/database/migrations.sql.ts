/** Applies `supabase/migrations` in order, each once, also when several instances start together. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { ifLost, rows, whyOf } from "./query.ts"

const FOLDER = join(import.meta.dirname, "../../supabase/migrations")
/** Any number that nobody else locks. */
const LOCK = 5_210_734_001

export interface Migration {
  /** Fourteen digits, as Supabase names them. */
  readonly version: string
  readonly name: string
  readonly text: string
}

/** The database has been migrated by a newer program. */
export class SchemaTooNew extends Schema.TaggedError<SchemaTooNew>()("SchemaTooNew", { version: Schema.String }) {
  override get message() {
    return `the database has migration ${this.version}, which this version of Gatehouse does not know. Use a newer one.`
  }
}

/** The database lacks migrations that this program needs. */
export class SchemaTooOld extends Schema.TaggedError<SchemaTooOld>()("SchemaTooOld", { missing: Schema.Number }) {
  override get message() {
    return `the database lacks ${this.missing} of ${known.length} migrations. Run: npm run db:init`
  }
}

/** The schema could not be brought up to date; it is as it was. */
export class MigrationFailed extends Schema.TaggedError<MigrationFailed>()("MigrationFailed", {
  message: Schema.String
}) {}

/** All migrations that this program knows, oldest first. */
export const known: ReadonlyArray<Migration> = readdirSync(FOLDER)
  .sort()
  .flatMap((file) => {
    const [, version = "", name = ""] = /^(\d{14})_(\w+)\.sql$/.exec(file) ?? []
    return version === "" ? [] : [{ version, name, text: readFileSync(join(FOLDER, file), "utf8") }]
  })

const LEDGER = `create table if not exists mcp.schema_migrations (
  version text primary key,
  name text not null,
  applied_at timestamptz not null default clock_timestamp()
);
comment on table mcp.schema_migrations is 'The migrations that have been applied. Written by db:init and by schema.sql.';
alter table mcp.schema_migrations enable row level security;`

// The wire protocol takes one statement at a time; a block makes one of many, and is all or nothing.
const asBlock = (text: string) => `do $migration$ begin\n${text}\nend $migration$`

const decodeVersions = rows(Schema.Struct({ version: Schema.String }))

/** The versions that the database has, oldest first; none when it has never been migrated. */
export const applied = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // Read from the tables of the catalog: `to_regclass` answers from what this connection believed before it waited.
  const ledger = yield* sql`
    select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'mcp' and c.relname = 'schema_migrations'`
  if (ledger.length === 0) return []
  return (yield* decodeVersions(sql`select version from mcp.schema_migrations order by version`)).map(
    ({ version }) => version
  )
}).pipe(Effect.catchTag("SchemaError", Effect.die))

/** The migrations that the database lacks. */
export const pending = Effect.gen(function* () {
  const present = yield* applied
  const unknown = present.find((version) => !known.some((migration) => migration.version === version))
  if (unknown !== undefined) return yield* new SchemaTooNew({ version: unknown })
  return known.filter(({ version }) => !present.includes(version))
})

/** Fails unless the schema is the one that this program was written for. */
export const verify = Effect.flatMap(pending, ({ length }) =>
  length === 0 ? Effect.void : Effect.fail(new SchemaTooOld({ missing: length }))
)

/** How long to wait for another run to end, and for the tables that a migration changes: the server waits behind it. */
const PATIENCE = { run: "10min", tables: "30s" }

/** A migration takes as long as it takes: the server's own limits (`pooler.sql.ts`) are not for it. */
const limits = (sql: SqlClient.SqlClient, lockWait: string) => sql`
  select set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),
         set_config('lock_timeout', ${lockWait}, true)`

const failedAt = (step: string, lockWait: string, holder: string) => (error: SqlError) =>
  new MigrationFailed({
    message: `${step} failed, and nothing was changed: ${
      error.reason._tag === "LockTimeoutError"
        ? `${holder} for ${lockWait}; see pg_stat_activity, and run this again when it has ended`
        : whyOf(error)
    }`
  })

/** Brings the schema up to date and answers what it applied. */
export const migrate = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const changing = (step: string) =>
    Effect.mapError(failedAt(step, PATIENCE.tables, "something else has been holding what it changes"))
  const run = Effect.gen(function* () {
    yield* Effect.andThen(limits(sql, PATIENCE.run), sql`select pg_advisory_xact_lock(${LOCK})`).pipe(
      Effect.mapError(failedAt("waiting for its turn", PATIENCE.run, "another run of db:init has been at work"))
    )
    const missing = yield* pending
    if (missing.length === 0) return missing
    yield* Effect.andThen(limits(sql, PATIENCE.tables), sql.unsafe("create schema if not exists mcp")).pipe(
      Effect.andThen(sql.unsafe(asBlock(LEDGER))),
      changing("the list of migrations")
    )
    for (const { version, name, text } of missing) {
      yield* sql
        .unsafe(asBlock(text))
        .pipe(
          Effect.andThen(sql`insert into mcp.schema_migrations (version, name) values (${version}, ${name})`),
          changing(`migration ${version}_${name}`)
        )
    }
    return missing
  })
  return yield* sql
    .withTransaction(run)
    .pipe(
      ifLost(
        (error) => new MigrationFailed({ message: `the database was lost, and nothing was changed: ${whyOf(error)}` })
      )
    )
})

/** `supabase/schema.sql`: the whole schema in one file, for Supabase's SQL editor. */
export const renderSchema = (): string =>
  [
    "-- The whole schema of Gatehouse, for Supabase's SQL editor. Written by `npm run db:schema` from supabase/migrations,",
    "-- which is where changes belong. It records what it applied, so `npm run db:init` finds nothing left to do.",
    "",
    "begin;",
    "",
    ...known.map(({ text }) => text.trimEnd()),
    "",
    LEDGER,
    "insert into mcp.schema_migrations (version, name) values",
    `${known.map(({ version, name }) => `  ('${version}', '${name}')`).join(",\n")};`,
    "",
    "commit;",
    ""
  ].join("\n")
