/** The keys in the database, 256 of them at most: a token names its key by one byte. */

import { randomBytes } from "node:crypto"
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow, rows } from "../../database/query.ts"

const decodeKeys = rows(Schema.Struct({ id: Schema.Number, secret: Schema.Uint8Array, mature: Schema.Boolean }))
const decodeAdded = firstRow(Schema.Struct({ id: Schema.Number }))

/** The newest first. `mature` are those that are older than so many seconds. */
export const all = (sql: SqlClient.SqlClient, seconds: number) =>
  decodeKeys(sql`
    select id::int, secret, created_at < clock_timestamp() - make_interval(secs => ${seconds}) as mature
    from mcp.server_keys order by created_at desc, id desc`)

/** Adds a random key under the next id, and answers that; nothing when it is taken. */
export const add = (sql: SqlClient.SqlClient) =>
  Effect.suspend(() =>
    decodeAdded(sql`
      insert into mcp.server_keys (id, secret)
      select coalesce((select (id + 1) % 256 from mcp.server_keys order by created_at desc, id desc limit 1), 0),
             ${randomBytes(32)}
      on conflict (id) do nothing returning id::int`)
  ).pipe(Effect.map((row) => row?.id))
