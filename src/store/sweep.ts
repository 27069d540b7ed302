/** Deletion of what nobody needs any more, in bounded batches that step around locked rows. */

import { Effect, Schema } from "effect"
import type { SqlClient, Statement } from "effect/sql"
import { firstRow } from "./query.ts"

/** Rows deleted, by kind. */
export const Swept = Schema.Struct({
  authorizationCodes: Schema.Number,
  decisions: Schema.Number,
  accessTokens: Schema.Number,
  refreshTokens: Schema.Number,
  sessions: Schema.Number
})
export type Swept = typeof Swept.Type

export const makeSweep = (sql: SqlClient.SqlClient) => {
  const decodeCount = firstRow(Schema.Struct({ count: Schema.Number }))
  const count = (deletion: Statement.Statement<object>) =>
    Effect.map(
      decodeCount(sql`with gone as (${deletion}) select count(*)::int as count from gone`),
      (row) => row?.count ?? 0
    )

  return Effect.fn("TokenStore.sweep")(function* (batch: number) {
    const authorizationCodes = yield* count(sql`
      delete from mcp.oauth_authorization_codes where code_hash in (
        select code_hash from mcp.oauth_authorization_codes where expires_at <= clock_timestamp()
        limit ${batch} for update skip locked) returning 1`)
    const decisions = yield* count(sql`
      delete from mcp.oauth_decisions where id in (
        select id from mcp.oauth_decisions where expires_at <= clock_timestamp()
        limit ${batch} for update skip locked) returning 1`)
    const accessTokens = yield* count(sql`
      delete from mcp.oauth_access_tokens where token_hash in (
        select token_hash from mcp.oauth_access_tokens
        where expires_at < clock_timestamp() - interval '1 day' or revoked_at < clock_timestamp() - interval '1 day'
        limit ${batch} for update skip locked) returning 1`)
    const refreshTokens = yield* count(sql`
      delete from mcp.oauth_refresh_tokens where token_hash in (
        select token_hash from mcp.oauth_refresh_tokens
        where expires_at < clock_timestamp() - interval '7 days' or revoked_at < clock_timestamp() - interval '7 days'
        limit ${batch} for update skip locked) returning 1`)
    // No token can come back to a session without any, so nothing is lost between the look and the lock.
    const sessions = yield* decodeCount(sql`
      with gone as (
        delete from mcp.mcp_sessions where id in (
          select s.id from mcp.mcp_sessions s
          where not exists (select from mcp.oauth_refresh_tokens r where r.session_id = s.id)
            and not exists (select from mcp.oauth_access_tokens a where a.session_id = s.id)
          limit ${batch} for update skip locked) returning client_id
      ), used as (
        update mcp.oauth_clients set last_used_at = clock_timestamp()
        where origin = 'dynamic' and client_id in (select client_id from gone)
      )
      select count(*)::int as count from gone`)
    return {
      authorizationCodes,
      decisions,
      accessTokens,
      refreshTokens,
      sessions: sessions?.count ?? 0
    } satisfies Swept
  })
}
