/** The one SqlClient: Postgres or Supabase by DATABASE_URL, else an embedded Postgres in DATA_DIR. */

import { mkdirSync } from "node:fs"
import { join } from "node:path"
import * as PgClient from "@effect/sql-pg/PgClient"
import type { PGlite } from "@electric-sql/pglite"
import { Context, Deferred, Effect, Layer, type Queue, Redacted, Schema, type Scope } from "effect"
// Alone: the rest of its room is three others.
import * as Reactivity from "effect/reactivity/Reactivity"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"
import { whereOf } from "../config/databaseUrl.ts"
import type { DatabaseConfig } from "../config/parts.ts"
import { ServerConfig } from "../config/ServerConfig.ts"
import { connect, openPGlite, provide } from "./embedded.ts"
import { lacking } from "./engine.sql.ts"
import { by, followLeader, wayTo } from "./leader.ts"
import { DataDirUnusable, lockDataDir } from "./lock.ts"
import { migrate, verify } from "./migrations.sql.ts"
import { hears, type Met, meet } from "./pooler.sql.ts"
import { whyOf } from "./query.ts"
import { queue } from "./queue.ts"

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

/** The embedded database is there, and Postgres cannot begin with it. */
export class DatabaseDamaged extends Schema.TaggedError<DatabaseDamaged>()("DatabaseDamaged", {
  home: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return (
      `the embedded database in ${this.home} cannot be opened: ${this.why}. Nothing in there was deleted. Where its files ` +
      "are damaged, put a copy from before in their place, or move the folder away to begin with an empty database."
    )
  }
}

/** The embedded database ended by itself: the disk is full, or does not answer as it should. */
export class DatabaseEnded extends Schema.TaggedError<DatabaseEnded>()("DatabaseEnded", { why: Schema.String }) {
  override get message() {
    return `the embedded database ended: ${this.why}. Nothing that was answered is lost; start again when that is mended.`
  }
}

/** Fails when the database has ended for this process, which is then of no use; never where it is a server of its own. */
export class Ended extends Context.Reference<Effect.Effect<never, DatabaseEnded>>("gatehouse/database/Ended", {
  defaultValue: () => Effect.never
}) {}

/** How the database is connected to; nothing stands before an embedded one. */
export class Pooler extends Context.Reference<Met["pooler"]>("gatehouse/database/Pooler", {
  defaultValue: () => "none"
}) {}

/** Whether the database itself ends statements that take too long. */
export class Limited extends Context.Reference<boolean>("gatehouse/database/Limited", { defaultValue: () => false }) {}

/** What an operator has to know of what was met, in one line; nothing where it is a Postgres with all that one has. */
const tell = Effect.gen(function* () {
  const { database } = yield* ServerConfig
  if (database._tag === "Embedded") return
  const met = yield* Pooler
  const missing: Array<string> = []
  if (met === "transaction" && database.pooler === "session") {
    missing.push(
      "notifications (as behind a transaction pooler: every token is looked up, and statements are not prepared. Set " +
        "DATABASE_POOLER=transaction, or use a session pooler)"
    )
  }
  if (met !== "transaction" && !(yield* Limited)) {
    missing.push(
      "limits (a pooler does not pass them on: statements and locks end at this server's own deadline alone)"
    )
  }
  if (database.poolSize > 1) missing.push(...(yield* lacking))
  if (missing.length > 0) yield* Effect.logWarning(`the database does without ${missing.join("; without ")}`)
})

const postgres = Effect.fn("Database.postgres")(
  function* (config: Extract<DatabaseConfig, { readonly _tag: "Postgres" }>) {
    const options = {
      applicationName: "gatehouse",
      connectTimeout: "5 seconds",
      // A peer that is gone without a word is noticed, also where nothing is asked: on the connection that listens.
      keepAlive: "15 seconds"
    } as const
    const urls = Redacted.value(config.urls)
    const way = yield* config.isToBeFound ? followLeader(urls, config.caFile, options) : wayTo(urls[0], config.caFile)
    // The pool connects lazily; a wrong password has to be known now, not at the first request.
    const met = yield* meet(by(way, options), config.pooler)
    const client = yield* PgClient.make(
      by(way, {
        ...options,
        maxConnections: config.poolSize,
        prepare: met.pooler !== "transaction",
        startupParameters: met.startupParameters
      })
    )
    return { client, met }
  },
  (connecting, { urls }) =>
    Effect.catchTag(connecting, ["SqlError", "NoLeader"], (error) =>
      Effect.fail(new DatabaseUnreachable({ where: whereOf(Redacted.value(urls)), why: whyOf(error) }))
    )
)

const embedded = Effect.fn("Database.embedded")(function* <E>(
  open: (onPanic: (why: string) => void) => Promise<PGlite>,
  refusal: (why: string) => E
) {
  const ended = yield* Deferred.make<never, DatabaseEnded>()
  const onPanic = (why: string) => void Deferred.doneUnsafe(ended, Effect.fail(new DatabaseEnded({ why })))
  const db = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () => open(onPanic),
      catch: (cause) => refusal(cause instanceof Error ? cause.message : String(cause))
    }),
    // One that has ended would not answer to that either.
    (db) =>
      Effect.flatMap(Deferred.isDone(ended), (isOver) => (isOver ? Effect.void : Effect.promise(() => db.close())))
  )
  // PGlite has one session, so the pool has one connection, and opens it anew if it was lost.
  const client = yield* PgClient.make({
    stream: () => connect(db),
    username: "postgres",
    database: "postgres",
    ssl: false,
    applicationName: "gatehouse",
    maxConnections: 1
  }).pipe(Effect.mapError((error) => refusal(whyOf(error))))
  return { client, ended: Deferred.await(ended) }
})

const embeddedIn = Effect.fn("Database.embeddedIn")(function* (dataDir: string) {
  const unusable = (cause: unknown) => new DataDirUnusable({ dataDir, why: String(cause) })
  yield* Effect.try({ try: () => mkdirSync(dataDir, { recursive: true, mode: 0o700 }), catch: unusable })
  yield* lockDataDir(dataDir)
  const home = join(dataDir, "postgres")
  yield* Effect.tryPromise({ try: () => provide(home), catch: unusable })
  return yield* embedded(
    (onPanic) => openPGlite(home, onPanic),
    (why) => new DatabaseDamaged({ home, why })
  )
})

const EMBEDDED: Met = { pooler: "none", startupParameters: {}, isLimited: false }

/** As configured, without a migration: for programs that look after the schema themselves. The database has answered. */
export const layerUnmigrated = Layer.effectContext(
  Effect.gen(function* () {
    const { database, maxDelayMs } = yield* ServerConfig
    queue.open(database._tag === "Postgres" ? database.poolSize : 1, maxDelayMs)
    const { client, met, ended } =
      database._tag === "Postgres"
        ? { ...(yield* postgres(database)), ended: Effect.never }
        : { ...(yield* embeddedIn(database.dataDir)), met: EMBEDDED }
    return Context.make(PgClient.PgClient, client).pipe(
      Context.add(SqlClient.SqlClient, client),
      Context.add(Pooler, met.pooler),
      Context.add(Limited, met.isLimited),
      Context.add(Ended, ended)
    )
  })
).pipe(Layer.provide(Reactivity.layer))

/** Every revocation that the database tells: a session's id, or `*` for more than one can name. */
export type Revocations = Effect.Effect<Queue.Dequeue<{ readonly payload: string }, SqlError>, SqlError, Scope.Scope>

/** Where revocations are heard; nowhere behind a transaction pooler, or in the embedded database's one connection. */
export class RevocationFeed extends Context.Reference<Revocations | undefined>("gatehouse/database/RevocationFeed", {
  defaultValue: () => undefined
}) {}

/** How often it is tried whether notifications are heard by now, where they were not at the start. */
const TRIED_EVERY = "5 minutes"

/** Revocations, where one connection of the pool can be spared to listen for them. */
const feed = Layer.effect(
  RevocationFeed,
  Effect.gen(function* () {
    const { database } = yield* ServerConfig
    const client = yield* PgClient.PgClient
    if (database._tag === "Embedded" || database.pooler === "transaction" || database.poolSize === 1) return undefined
    const listened = client.listen("gatehouse_revoked")
    if ((yield* Pooler) !== "transaction") return listened
    // A database that was too busy at the start is no pooler.
    const later = Effect.delay(hears(client.listen, client.notify), TRIED_EVERY)
    return Effect.repeat(later, { until: (isHeard) => isHeard }).pipe(
      Effect.andThen(Effect.logInfo("notifications are heard by now: tokens are kept in memory from here on")),
      Effect.andThen(listened)
    )
  })
)

/** As configured, with the schema in place: an embedded database is migrated, any other must have been. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { database } = yield* ServerConfig
    if (database._tag === "Embedded") yield* migrate
    yield* verify
    yield* tell
  })
).pipe(Layer.provideMerge(feed), Layer.provideMerge(layerUnmigrated))

/** An embedded database in memory, empty. */
export const layerMemoryUnmigrated = PgClient.layerFrom(
  Effect.map(
    embedded(
      () => openPGlite(),
      (why) => new DatabaseUnreachable({ where: "memory", why })
    ),
    ({ client }) => client
  )
)

/** The same, migrated. */
export const layerMemory = Layer.effectDiscard(migrate).pipe(Layer.provideMerge(layerMemoryUnmigrated))
