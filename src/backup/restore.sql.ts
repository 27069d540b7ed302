/** A database as a copy says it was: all of it, or nothing has changed. */

import { Effect, Schedule, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { apply, known, limits } from "../database/migrations.sql.ts"
import { firstRow } from "../database/query.ts"
import { endAllSessions } from "../oauth/grants/sessions.sql.ts"
import { continueSequences, loader, type NoPlace, tables } from "./copy.sql.ts"
import { type Header, inspect, read } from "./file.ts"

/** The database has something in it, and nobody said that it may go. */
export class NotEmpty extends Schema.TaggedError<NotEmpty>()("NotEmpty", { tables: Schema.Array(Schema.String) }) {
  override get message() {
    return (
      `the database is not empty (${this.tables.join(", ")}), and nothing was changed. Restore into another one, or say ` +
      "--replace: what is in this one is deleted then."
    )
  }
}

/** The copy is of a schema that this version does not know. */
export class CopyTooNew extends Schema.TaggedError<CopyTooNew>()("CopyTooNew", { version: Schema.String }) {
  override get message() {
    return (
      `the copy was made by a newer version of Gatehouse (with migration ${this.version}), and nothing was changed: restore it ` +
      "with that version, or a newer one."
    )
  }
}

/** A server works on the database. */
export class ServerRunning extends Schema.TaggedError<ServerRunning>()("ServerRunning", {
  connections: Schema.Number
}) {
  override get message() {
    return (
      `a running server uses this database (connections: ${this.connections}), and nothing was changed: stop all servers first, ` +
      "or they go on with keys and people that are no longer there. What a pooler keeps open looks the same: go past it."
    )
  }
}

export interface RestoreOptions {
  /** Whether what is in the database may be deleted. */
  readonly isReplacing: boolean
  /** Whether sessions, browsers and links of then go on. */
  readonly keepsSessions: boolean
  /** Whether the schema is brought up to date, and not left as it was. */
  readonly migrates: boolean
}

export interface Restored {
  readonly header: Header
  readonly rows: number
  /** Migrations that the copy lacked. */
  readonly migrated: number
  /** Sessions that were ended. */
  readonly ended: number
}

const decodeFound = firstRow(Schema.Struct({ found: Schema.Boolean }))
const decodeOthers = firstRow(Schema.Struct({ count: Schema.Number }))

const occupied = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const all = yield* tables
  const found = yield* Effect.filter(all, ({ table }) =>
    Effect.map(
      decodeFound(sql`select exists (select from ${sql(`mcp.${table}`)}) as found`),
      (row) => row?.found === true
    )
  )
  return found.map(({ table }) => table)
})

/** What has just been closed is there for a moment still. */
const nobodyElse = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const others = yield* decodeOthers(sql`
    select count(*)::int as count from pg_stat_activity
    where application_name = 'gatehouse' and datname = current_database() and pid <> pg_backend_pid()`)
  const connections = others?.count ?? 0
  if (connections > 0) return yield* new ServerRunning({ connections })
}).pipe(
  Effect.retry({ while: ({ _tag }) => _tag === "ServerRunning", schedule: Schedule.spaced("250 millis"), times: 12 })
)

/**
 * What an old copy would bring back to life: tokens that were spent since, by whoever has them; browsers that were signed out; links
 * and codes that were used.
 */
const endAll = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  for (const table of ["browser_sessions", "links", "ceremonies"]) yield* sql`delete from ${sql(`mcp.${table}`)}`
  return yield* endAllSessions(sql, "restored from a copy")
})

/** Restores a whole copy, in one transaction. The copy is read before that, so that a damaged one touches nothing. */
export const restore = Effect.fn("backup.restore")(function* (file: string, options: RestoreOptions) {
  const sql = yield* SqlClient.SqlClient
  const { header, rows } = yield* inspect(file)
  const newer = header.migrations.find((version) => !known.some((migration) => migration.version === version))
  if (newer !== undefined) return yield* new CopyTooNew({ version: newer })

  const run = Effect.gen(function* () {
    yield* limits(sql, "10s")
    yield* nobodyElse
    const full = yield* occupied
    if (full.length > 0 && !options.isReplacing) return yield* new NotEmpty({ tables: full })
    yield* sql`drop schema if exists mcp cascade`
    yield* apply((version) => header.migrations.includes(version))
    const load = yield* loader
    yield* read<NoPlace | SqlError, never>(file, { ...load, header: () => Effect.void })
    yield* continueSequences
    const migrated = options.migrates ? (yield* apply(() => true)).length : 0
    const ended = options.keepsSessions ? 0 : yield* endAll(sql)
    const detail = { copy_of: header.at, sessions_ended: ended }
    yield* sql`insert into mcp.audit_events (event, detail) values ('restored', ${JSON.stringify(detail)}::jsonb)`
    return { header, rows, migrated, ended } satisfies Restored
  })
  return yield* sql.withTransaction(run).pipe(Effect.catchTag("SchemaError", Effect.die))
})

/** What must hold of what was restored: the query finds the rows for which it does not. */
const RULES = [
  [
    "a session that can be refreshed has no refresh token to do it with",
    `select from mcp.mcp_sessions s
     where s.status = 'active'
       and exists (select from mcp.oauth_refresh_tokens r where r.session_id = s.id and r.expires_at > now())
       and not exists (
         select from mcp.oauth_refresh_tokens r
         where r.session_id = s.id and r.generation = s.head_generation and r.revoked_at is null)`
  ],
  [
    "a session that has ended has tokens that live",
    `select from mcp.mcp_sessions s
     where s.status <> 'active' and (
       exists (select from mcp.oauth_access_tokens a where a.session_id = s.id and a.revoked_at is null)
       or exists (select from mcp.oauth_refresh_tokens r where r.session_id = s.id and r.revoked_at is null))`
  ],
  [
    "there are people, and nobody owns the server",
    `select where exists (select from mcp.people)
       and not exists (select from mcp.people where role = 'owner' and disabled_at is null)`
  ]
] as const

/** Rules that do not hold, in words. What rows may hold and refer to is the schema's own to keep. */
export const judge = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const broken = yield* Effect.filter(RULES, ([, query]) =>
    Effect.map(sql.unsafe(`${query} limit 1`), (found) => found.length > 0)
  )
  return broken.map(([words]) => words)
})
