/** Access tokens in the database. */

import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { Lifetimes } from "../../config/ServerConfig.ts"
import { firstRow } from "../../database/query.ts"
import type { PresentedToken } from "./opaqueToken.ts"

const decodeAccess = firstRow(
  Schema.Struct({
    client_id: Schema.String,
    subject: Schema.String,
    scopes: Schema.Array(Schema.String),
    resource: Schema.String,
    expires_at: Schema.Date,
    remaining: Schema.Number,
    first_of_head: Schema.Boolean
  })
)

/** A client's revocation reaches its own tokens alone. */
export const revoke = (sql: SqlClient.SqlClient, token: PresentedToken, clientId: string) => sql`
  update mcp.oauth_access_tokens set revoked_at = clock_timestamp()
  where token_hash = ${token.hash} and revoked_at is null
    and session_id in (select id from mcp.mcp_sessions where client_id = ${clientId})`

/**
 * What a good token stands for, and for how many milliseconds yet: by the database's clock, so ours may differ. With a
 * grace it is noted that the session's newest generation is in use.
 */
export const find = Effect.fnUntraced(function* (
  sql: SqlClient.SqlClient,
  { refreshReuseGrace }: Lifetimes,
  token: PresentedToken
) {
  const row = yield* decodeAccess(sql`
    select s.client_id, s.subject, a.scopes, a.resource, a.expires_at,
           (extract(epoch from least(a.expires_at, s.expires_at) - clock_timestamp()) * 1000)::float8 as remaining,
           a.generation = s.head_generation and s.confirmed_at is null as first_of_head
    from mcp.oauth_access_tokens a
    join mcp.mcp_sessions s on s.id = a.session_id
    join mcp.oauth_clients c on c.client_id = s.client_id
    where a.token_hash = ${token.hash} and a.revoked_at is null and a.expires_at > clock_timestamp()
      and s.status = 'active' and s.expires_at > clock_timestamp() and c.disabled_at is null`)
  if (row === undefined) return undefined
  // Only the grace asks whether a successor was ever used; strict rotation writes nothing here.
  if (row.first_of_head && refreshReuseGrace > 0) {
    yield* sql`
      update mcp.mcp_sessions set confirmed_at = clock_timestamp()
      where id = ${token.sessionId} and head_generation = ${token.generation} and confirmed_at is null`
  }
  return row
})
