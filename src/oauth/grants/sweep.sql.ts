/**
 * Deletion of what nobody needs any more, in bounded batches that step around locked rows. What is old is measured by
 * `now()`: Postgres looks in no index for what is older than `clock_timestamp()`, which may differ from row to row.
 */

import { Effect, Schema } from "effect"
import type { SqlClient, Statement } from "effect/sql"
import { firstRow } from "../../database/query.ts"

/** Rows deleted, by kind. */
export const Swept = Schema.Struct({
  authorizationCodes: Schema.Number,
  decisions: Schema.Number,
  redemptions: Schema.Number,
  accessTokens: Schema.Number,
  refreshTokens: Schema.Number,
  sessions: Schema.Number
})
export type Swept = typeof Swept.Type

/** How long a token's row is kept after it expired or was revoked. */
const [ACCESS_DAYS, REFRESH_DAYS] = [1, 7] as const

export const makeSweep = (sql: SqlClient.SqlClient) => {
  const decodeCount = firstRow(Schema.Struct({ count: Schema.Number }))
  const count = (deletion: Statement.Statement<object>) =>
    Effect.map(
      decodeCount(sql`with gone as (${deletion}) select count(*)::int as count from gone`),
      (row) => row?.count ?? 0
    )

  const decodeTokens = firstRow(Schema.Struct({ count: Schema.Number, sessions: Schema.Array(Schema.String) }))
  /**
   * Two looks along two indexes, each in order: one look with `or` would gather all that is old for every batch. What they
   * found and locked is deleted where it lies: to look it up by its hash would be a random place of a large index each.
   * Answers whose tokens they were too.
   */
  const tokens = (table: "oauth_access_tokens" | "oauth_refresh_tokens", days: number, batch: number) => {
    const [from, age] = [sql.literal(`mcp.${table}`), sql`now() - make_interval(days => ${days})`]
    return Effect.map(
      decodeTokens(sql`
        with expired as (
          select ctid from ${from} where expires_at < ${age} order by expires_at
          limit ${batch} for update skip locked
        ), revoked as (
          select ctid from ${from} where revoked_at < ${age} order by revoked_at
          limit ${batch} for update skip locked
        ), gone as (
          delete from ${from} where ctid = any(array(table expired) || array(table revoked)) returning session_id
        )
        select count(*)::int as count, coalesce(array_agg(distinct session_id::text), '{}') as sessions from gone`),
      (row) => row ?? { count: 0, sessions: [] }
    )
  }

  /** Sessions that lost their last token: now, or, beyond all lifetimes, in whatever other way. */
  const sessionsWithout = (lost: ReadonlyArray<string>, batch: number) => sql`
    with ended as (
      select id from mcp.mcp_sessions where expires_at < now() - make_interval(days => ${REFRESH_DAYS + 1})
      order by expires_at limit ${batch}
    ), empty as (
      -- No token can come back to a session without any, so nothing is lost between the look and the lock.
      select s.id from mcp.mcp_sessions s
      where s.id in (select unnest(${lost}::uuid[]) union table ended)
        and not exists (select from mcp.oauth_refresh_tokens r where r.session_id = s.id)
        and not exists (select from mcp.oauth_access_tokens a where a.session_id = s.id)
      for update skip locked
    ), gone as (
      delete from mcp.mcp_sessions where id in (table empty) returning client_id
    ), used as (
      update mcp.oauth_clients set last_used_at = clock_timestamp()
      where origin = 'dynamic' and client_id in (select client_id from gone)
    )
    select count(*)::int as count from gone`

  const sweepSessions = Effect.fnUntraced(function* (batch: number) {
    const access = yield* tokens("oauth_access_tokens", ACCESS_DAYS, batch)
    const refresh = yield* tokens("oauth_refresh_tokens", REFRESH_DAYS, batch)
    const sessions = yield* decodeCount(sessionsWithout([...access.sessions, ...refresh.sessions], batch))
    return { accessTokens: access.count, refreshTokens: refresh.count, sessions: sessions?.count ?? 0 }
  }, sql.withTransaction)

  return Effect.fn("TokenStore.sweep")(function* (batch: number) {
    const authorizationCodes = yield* count(sql`
      delete from mcp.oauth_authorization_codes where code_hash in (
        select code_hash from mcp.oauth_authorization_codes where expires_at <= now() order by expires_at
        limit ${batch} for update skip locked) returning 1`)
    const decisions = yield* count(sql`
      delete from mcp.oauth_decisions where id in (
        select id from mcp.oauth_decisions where expires_at <= now() order by expires_at
        limit ${batch} for update skip locked) returning 1`)
    const redemptions = yield* count(sql`
      delete from mcp.oauth_redemptions where session_id in (
        select session_id from mcp.oauth_redemptions where expires_at <= now() order by expires_at
        limit ${batch} for update skip locked) returning 1`)
    return { authorizationCodes, decisions, redemptions, ...(yield* sweepSessions(batch)) } satisfies Swept
  })
}
