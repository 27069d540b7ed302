/** The one SqlClient: Postgres or Supabase by DATABASE_URL, else an embedded Postgres in DATA_DIR. */

import { mkdirSync } from "node:fs"
import { join } from "node:path"
import * as PgClient from "@effect/sql-pg/PgClient"
import type { PGlite } from "@electric-sql/pglite"
import { Context, Effect, Layer, type Queue, Redacted, Schema, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { type DatabaseConfig, ServerConfig } from "../config/ServerConfig.ts"
import { connect, copyTemplate, openPGlite } from "./embedded.ts"
import * as Inspection from "./inspection.sql.ts"
import { lockDataDir } from "./lock.ts"
import { migrate, verify } from "./migrations.sql.ts"
import { sslOption, tlsRequest } from "./tls.ts"

/** The database did not answer at start. Names where it was looked for, never the password. */
export class DatabaseUnreachable extends Schema.TaggedError<DatabaseUnreachable>()("DatabaseUnreachable", {
  where: Schema.String,
  why: Schema.String
}) {
  override get message() {
    // Supabase's direct hosts have an IPv6 address alone.
    const hint = /^db\.\w+\.supabase\.co:/.test(this.where)
      ? ". On an IPv4 network, use the session pooler's URI from Supabase's Connect page"
      : ""
    return `cannot use the database at ${this.where}: ${this.why}${hint}`
  }
}

/** Host, port and database of a URL, for people. */
export const whereOf = (url: URL): string =>
  `${url.searchParams.get("host") ?? url.hostname}:${url.port || "5432"}${url.pathname}`

/** The sentence inside a driver's error. */
const whyOf = (error: SqlError): string => {
  const messages: Array<string> = []
  let cause: unknown = error
  while (cause instanceof Error && messages.length < 6) {
    messages.push(cause.message)
    cause = "reason" in cause ? cause.reason : cause.cause
  }
  return messages.at(-1) || error.message
}

/** Statement and lock limits, as startup parameters; a transaction pooler refuses the unknown ones. */
const LIMITS = { statement_timeout: "5000", lock_timeout: "2000", idle_in_transaction_session_timeout: "10000" }

const postgres = (config: Extract<DatabaseConfig, { readonly _tag: "Postgres" }>) =>
  Effect.gen(function* () {
    const url = new URL(Redacted.value(config.url))
    const host = url.searchParams.get("host") ?? decodeURIComponent(url.hostname)
    const request = yield* tlsRequest(url, config.caFile)
    const ssl = yield* sslOption(request, host, Number(url.port || 5432))
    const direct = config.pooler === "session"
    const client = yield* PgClient.make({
      url: config.url,
      ssl,
      applicationName: "gatehouse",
      maxConnections: config.poolSize,
      prepare: direct,
      connectTimeout: "5 seconds",
      ...(direct ? { startupParameters: LIMITS } : {})
    })
    // The driver connects lazily; a wrong password has to be known now, not at the first request.
    yield* Effect.provideService(Inspection.answers, SqlClient.SqlClient, client)
    return client
  }).pipe(
    Effect.catchTag("SqlError", (error) =>
      Effect.fail(new DatabaseUnreachable({ where: whereOf(new URL(Redacted.value(config.url))), why: whyOf(error) }))
    )
  )

const embedded = Effect.fn("Database.embedded")(function* (open: () => Promise<PGlite>, where: string) {
  const db = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: open,
      catch: (cause) => new DatabaseUnreachable({ where, why: String(cause) })
    }),
    (db) => Effect.promise(() => db.close())
  )
  // PGlite has one session, so the pool has one connection, and opens it anew if it was lost.
  return yield* PgClient.make({
    stream: () => connect(db),
    username: "postgres",
    database: "postgres",
    ssl: false,
    applicationName: "gatehouse",
    maxConnections: 1
  }).pipe(Effect.mapError((error) => new DatabaseUnreachable({ where, why: whyOf(error) })))
})

const embeddedIn = Effect.fn("Database.embeddedIn")(function* (dataDir: string) {
  yield* Effect.try({
    try: () => mkdirSync(dataDir, { recursive: true, mode: 0o700 }),
    catch: (cause) => new DatabaseUnreachable({ where: dataDir, why: String(cause) })
  })
  yield* lockDataDir(dataDir)
  const home = join(dataDir, "postgres")
  yield* Effect.try({
    try: () => copyTemplate(home),
    catch: (cause) => new DatabaseUnreachable({ where: dataDir, why: String(cause) })
  })
  return yield* embedded(() => openPGlite(home), dataDir)
})

/** The client as configured; the database has answered. */
const client = Effect.fn("database.client")(function* () {
  const { database } = yield* ServerConfig
  return yield* database._tag === "Postgres" ? postgres(database) : embeddedIn(database.dataDir)
})

/** As configured, without a migration: for programs that look after the schema themselves. */
export const layerUnmigrated = PgClient.layerFrom(client())

/** Every revocation that the database tells: a session's id, or `*` for more than one can name. */
export type Revocations = Effect.Effect<Queue.Dequeue<{ readonly payload: string }, SqlError>, SqlError, Scope.Scope>

/** Where revocations are heard; nowhere behind a transaction pooler, or in the embedded database's one connection. */
export class RevocationFeed extends Context.Reference<Revocations | undefined>("gatehouse/database/RevocationFeed", {
  defaultValue: () => undefined
}) {}

/** Revocations, where one connection of the pool can be spared to listen for them. */
const feed = Layer.effect(
  RevocationFeed,
  Effect.gen(function* () {
    const { database } = yield* ServerConfig
    const client = yield* PgClient.PgClient
    const canListen = database._tag === "Postgres" && database.pooler === "session" && database.poolSize > 1
    return canListen ? client.listen("gatehouse_revoked") : undefined
  })
)

/** As configured, with the schema in place: an embedded database is migrated, any other must have been. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { database } = yield* ServerConfig
    yield* database._tag === "Embedded" ? migrate : verify
  })
).pipe(Layer.provideMerge(feed), Layer.provideMerge(layerUnmigrated))

/** An embedded database in memory, migrated. */
export const layerMemory = Layer.effectDiscard(migrate).pipe(
  Layer.provideMerge(PgClient.layerFrom(embedded(() => openPGlite(), "memory")))
)
