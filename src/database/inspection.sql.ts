/** What a database says of itself. */

import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { firstRow, rows } from "./query.ts"

const decodeVersion = firstRow(Schema.Struct({ version: Schema.String }))
const decodeTls = firstRow(Schema.Struct({ on: Schema.Boolean, version: Schema.NullOr(Schema.String) }))

/** Succeeds when the database answers. */
export const answers = SqlClient.SqlClient.use((sql) => sql`select 1`)

const decodeInUse = rows(Schema.Struct({ sessions: Schema.Number, clients: Schema.Number }))

/** How many sessions go on, and how many clients are known. */
export const inUse = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [counts = { sessions: 0, clients: 0 }] = yield* decodeInUse(sql`
    select (select count(*)::int from mcp.mcp_sessions where status = 'active' and expires_at > now()) as sessions,
           (select count(*)::int from mcp.oauth_clients) as clients`)
  return counts
})

/** For example `18.4`. */
export const serverVersion = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const row = yield* decodeVersion(sql`select split_part(current_setting('server_version'), ' ', 1) as version`)
  return row?.version ?? "unknown"
}).pipe(Effect.catchTag("SchemaError", Effect.die))

/** Whether this connection is encrypted, and with what. Behind a pooler it is the pooler's connection. */
export const tls = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* decodeTls(sql`select ssl as on, version from pg_stat_ssl where pid = pg_backend_pid()`)
}).pipe(Effect.catchTag("SchemaError", Effect.die))
