/**
 * Applies `supabase/migrations` in order, each once, also when several instances start together.
 *
 * While a new version is rolled out the old one goes on, on the new schema. So a migration expands: what the version before it uses stays
 * as it is. What nobody uses any more is taken away by a later one that says so in a line of its own, `-- contracts: since <version>, <why>`:
 * only programs that know that version may work on it.
 */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Schedule, Schema } from "effect"
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
  /** For one that contracts: the migration that programs must know which work on what it leaves. */
  readonly since: string | undefined
}

/** The database lacks what this program needs: a newer one has taken it away. */
export class SchemaTooNew extends Schema.TaggedError<SchemaTooNew>()("SchemaTooNew", { version: Schema.String }) {
  override get message() {
    return `the database has migration ${this.version}, which takes away what this version of Gatehouse needs. Use a newer one.`
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
  message: Schema.String,
  /** Whether what was held by somebody else may be free a moment later. */
  isTriedAgain: Schema.Boolean
}) {}

const CONTRACTS = /^-- contracts: since (\d{14}), \S/m

/** The line of a migration that says since when nobody uses what it takes away. */
export const sinceOf = (text: string): string | undefined => CONTRACTS.exec(text)?.[1]

/** All migrations that this program knows, oldest first. */
export const known: ReadonlyArray<Migration> = readdirSync(FOLDER)
  .sort()
  .flatMap((file) => {
    const [, version = "", name = ""] = /^(\d{14})_(\w+)\.sql$/.exec(file) ?? []
    if (version === "") return []
    const text = readFileSync(join(FOLDER, file), "utf8")
    return [{ version, name, text, since: sinceOf(text) }]
  })

const LEDGER = `create table if not exists mcp.schema_migrations (
  version text primary key,
  name text not null,
  applied_at timestamptz not null default clock_timestamp()
);
alter table mcp.schema_migrations add column if not exists since text;
comment on table mcp.schema_migrations is 'The migrations that have been applied. Written by db:init and by schema.sql.';
comment on column mcp.schema_migrations.since is 'Programs that do not know this version must not work on what the migration left.';
alter table mcp.schema_migrations enable row level security;`

// The wire protocol takes one statement at a time; a block makes one of many, and is all or nothing.
const asBlock = (text: string) => `do $migration$ begin\n${text}\nend $migration$`

const decodeApplied = rows(Schema.Struct({ version: Schema.String, since: Schema.NullOr(Schema.String) }))

/** What the database has, oldest first; nothing when it has never been migrated. */
export const applied = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  // Read from the tables of the catalog: `to_regclass` answers from what this connection believed before it waited.
  const ledger = yield* sql`
    select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'mcp' and c.relname = 'schema_migrations'`
  if (ledger.length === 0) return []
  // An older list has no such column.
  return yield* decodeApplied(
    sql`select version, to_jsonb(m) ->> 'since' as since from mcp.schema_migrations m order by version`
  )
}).pipe(Effect.catchTag("SchemaError", Effect.die))

/** The migrations that the database lacks, and those that this program does not know, which a newer one has applied. */
export const compared = Effect.gen(function* () {
  const present = yield* applied
  const newer = present.filter(({ version }) => !known.some((migration) => migration.version === version))
  const tooNew = newer.find(({ since }) => since !== null && !known.some(({ version }) => version === since))
  if (tooNew !== undefined) return yield* new SchemaTooNew({ version: tooNew.version })
  const missing = known.filter(({ version }) => !present.some((migration) => migration.version === version))
  return { missing, newer: newer.map(({ version }) => version) }
})

export const pending = Effect.map(compared, ({ missing }) => missing)

/** Fails unless this program can work on the schema; says so where a newer one has been here. */
export const verify = Effect.gen(function* () {
  const { missing, newer } = yield* compared
  if (missing.length > 0) return yield* new SchemaTooOld({ missing: missing.length })
  if (newer.length === 0) return
  yield* Effect.logWarning(
    "the database has migrations that this version does not know: a newer version has been here, and this one goes on"
  ).pipe(Effect.annotateLogs({ migrations: newer.join(", ") }))
})

/**
 * How long to wait for another run to end. For tables that somebody holds a migration waits a moment only, since everybody else waits
 * behind it; then it lets go of all, and tries again.
 */
const PATIENCE = { run: "10min", tables: "500ms" }
const TRIES = 20
const AGAIN = Schedule.jittered(Schedule.spaced("500 millis"))

/** A migration takes as long as it takes: the server's own limits (`pooler.sql.ts`) are not for it. */
export const limits = (sql: SqlClient.SqlClient, lockWait: string) => sql`
  select set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),
         set_config('lock_timeout', ${lockWait}, true)`

/** What it waited for was held by somebody, or they waited for each other. */
const isHeld = ({ reason }: SqlError) => reason._tag === "LockTimeoutError" || reason._tag === "DeadlockError"

const failedAt = (step: string, held: string, patience?: "patient") => (error: SqlError) =>
  new MigrationFailed({
    message: `${step} failed, and nothing was changed: ${
      isHeld(error) ? `${held}; see pg_stat_activity, and run this again when it has ended` : whyOf(error)
    }`,
    isTriedAgain: isHeld(error) && patience === undefined
  })

/**
 * Applies those that the database lacks and that are wanted, in a transaction of the caller's that lasts as long as it takes: one at a
 * time among all programs. Answers what it applied.
 */
export const apply = Effect.fnUntraced(function* (isWanted: (version: string) => boolean) {
  const sql = yield* SqlClient.SqlClient
  const changing = (step: string) =>
    Effect.mapError(failedAt(step, `something else held what it changes, each of ${TRIES} times`))
  yield* Effect.andThen(limits(sql, PATIENCE.run), sql`select pg_advisory_xact_lock(${LOCK})`).pipe(
    Effect.mapError(
      failedAt("waiting for its turn", `another run of db:init has been at work for ${PATIENCE.run}`, "patient")
    )
  )
  const missing = (yield* pending).filter(({ version }) => isWanted(version))
  if (missing.length === 0) return missing
  yield* Effect.andThen(limits(sql, PATIENCE.tables), sql.unsafe("create schema if not exists mcp")).pipe(
    Effect.andThen(sql.unsafe(asBlock(LEDGER))),
    changing("the list of migrations")
  )
  for (const { version, name, text, since = null } of missing) {
    yield* sql
      .unsafe(asBlock(text))
      .pipe(
        Effect.andThen(
          sql`insert into mcp.schema_migrations (version, name, since) values (${version}, ${name}, ${since})`
        ),
        changing(`migration ${version}_${name}`)
      )
  }
  return missing
})

/** Brings the schema up to date and answers what it applied. */
export const migrate = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql.withTransaction(apply(() => true)).pipe(
    ifLost(
      (error) =>
        new MigrationFailed({
          message: `the database was lost, and nothing was changed: ${whyOf(error)}`,
          isTriedAgain: false
        })
    ),
    Effect.retry({
      schedule: AGAIN,
      times: TRIES - 1,
      while: (error) => error._tag === "MigrationFailed" && error.isTriedAgain
    })
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
    "insert into mcp.schema_migrations (version, name, since) values",
    `${known.map(({ version, name, since }) => `  ('${version}', '${name}', ${since === undefined ? "null" : `'${since}'`})`).join(",\n")};`,
    "",
    "commit;",
    ""
  ].join("\n")
