/** `npm run db:check`: says in words whether the database can be used; exit code 0 or 1. */

import { Console, Effect, Layer, Redacted, Schema } from "effect"
import { whereOf } from "../../config/databaseUrl.ts"
import { ServerConfig } from "../../config/ServerConfig.ts"
import * as Database from "../../database/connect.ts"
import * as Inspection from "../../database/inspection.sql.ts"
import { compared, known } from "../../database/migrations.sql.ts"
import { tlsRequest, verifies } from "../../database/tls.ts"
import { runProgram, Settings } from "./runProgram.ts"

class NotReady extends Schema.TaggedError<NotReady>()("NotReady", { message: Schema.String }) {}

const say = (what: string, how: string) => Console.log(`${what.padEnd(14)} ${how}`)

/** How the connection is protected, and whether the other side proved who it is. */
const protection = Effect.gen(function* () {
  const { database } = yield* ServerConfig
  if (database._tag === "Embedded") return "none needed: in this process"
  const tls = yield* Inspection.tls
  if (tls === undefined) return "unknown: the pooler in between does not say"
  if (!tls.on) return "off: everything, the password included, travels in the clear; set sslmode=require or better"
  const [url] = Redacted.value(database.urls)
  const checked = verifies(yield* tlsRequest(url, database.caFile))
  return `${tls.version}, certificate ${checked ? "checked" : "not checked (set sslmode=verify-full and DATABASE_CA_FILE)"}`
})

/** What was met, beside what was configured. */
const pooler = Effect.fnUntraced(function* (configured: "session" | "transaction") {
  const met = yield* Database.Pooler
  if (met !== "transaction") return met === "none" ? "none" : "session mode"
  const how = "no named prepared statements, no LISTEN"
  if (configured === "transaction") return `transaction mode, as configured: ${how}`
  return `transaction mode, or notifications are not delivered: ${how}. Set DATABASE_POOLER=transaction`
})

const limits = Effect.map(Database.Limited, (isLimited) =>
  isLimited
    ? "statements and locks end in time"
    : "not in the database, as the pooler does not pass them on: this server's own deadline alone"
)

const program = Effect.gen(function* () {
  const { database } = yield* ServerConfig
  const where =
    database._tag === "Embedded" ? `embedded Postgres in ${database.dataDir}` : whereOf(Redacted.value(database.urls))
  yield* say("database", where)
  yield* say("connection", "ok")
  yield* say("TLS", yield* protection)
  yield* say("server", `PostgreSQL ${yield* Inspection.serverVersion}`)
  if (database._tag === "Postgres") {
    yield* say("pooler", yield* pooler(database.pooler))
    yield* say("limits", yield* limits)
  }
  const { missing, newer } = yield* compared
  const version = known.at(-1)?.version
  if (missing.length > 0)
    return yield* new NotReady({
      message: `schema         ${missing.length} of ${known.length} migrations missing. Run: npm run db:init`
    })
  yield* say(
    "schema",
    newer.length === 0 ? `up to date (${version})` : `newer than this version, which works on it (${newer.at(-1)})`
  )
})

program.pipe(Effect.provide(Database.layerUnmigrated.pipe(Layer.provideMerge(Settings))), runProgram)
