/** Sessions: what a grant began, told of and ended. */

import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow, rows } from "../../database/query.ts"
import type { TokenEndpointAuthMethod } from "../clients/client.ts"
import type { PresentedToken } from "../tokens/opaqueToken.ts"

/** Who presented a token: what the audit trail records. */
export interface Presenter {
  readonly clientId: string
  readonly method: TokenEndpointAuthMethod
  readonly address: string
}

const decodeInspected = firstRow(
  Schema.Struct({
    client_id: Schema.String,
    subject: Schema.String,
    scopes: Schema.Array(Schema.String),
    resource: Schema.String,
    created_at: Schema.Date,
    expires_at: Schema.Date
  })
)
const decodeIds = rows(Schema.Struct({ id: Schema.String }))
const decodeOwner = firstRow(Schema.Struct({ client_id: Schema.String, token_hash: Schema.NullOr(Schema.Uint8Array) }))

/** What a token stands for, to be told and not to be used. */
export interface TokenFacts {
  readonly clientId: string
  readonly subject: string
  readonly scopes: ReadonlyArray<string>
  readonly resource: string
  readonly issuedAt: Date
  readonly expiresAt: Date
}

/** Ends an active session for good, with all its tokens, and records it. The caller holds the session's lock. */
export const endSession = (
  sql: SqlClient.SqlClient,
  sessionId: string,
  end: { readonly status: "revoked" | "compromised"; readonly reason: string },
  detail: Readonly<Record<string, unknown>>,
  /** The person at whose word it ends, and from where, if it is one's. */
  by?: { readonly actorId: string | undefined; readonly address: string | undefined }
) => sql`
  with ended as (
    update mcp.mcp_sessions
    set status = ${end.status}, status_reason = ${end.reason}, status_changed_at = clock_timestamp()
    where id = ${sessionId} and status = 'active' returning id, client_id
  ), access as (
    update mcp.oauth_access_tokens set revoked_at = clock_timestamp()
    where session_id in (select id from ended) and revoked_at is null
  ), refresh as (
    update mcp.oauth_refresh_tokens
    set revoked_at = coalesce(revoked_at, clock_timestamp()), sealed_successor = null
    where session_id in (select id from ended)
  ), unanswered as (
    delete from mcp.oauth_redemptions where session_id in (select id from ended)
  )
  insert into mcp.audit_events (event, session_id, client_id, actor_id, address, detail)
  select ${`session_${end.status}`}, id, client_id, ${by?.actorId ?? null}::uuid, ${by?.address ?? null},
         ${JSON.stringify({ reason: end.reason, ...detail })}::jsonb
  from ended`

/**
 * Ends all that a subject granted, in a transaction of the caller's that is about whoever it is. Codes first: one that is
 * being redeemed meanwhile is waited for, and its session is then seen.
 */
export const endSessionsOf = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, subject: string, reason: string) {
  yield* sql`delete from mcp.oauth_authorization_codes where subject = ${subject}`
  const live = yield* decodeIds(sql`
    select id::text from mcp.mcp_sessions where subject = ${subject} and status = 'active' order by id for update`)
  yield* Effect.forEach(live, ({ id }) => endSession(sql, id, { status: "revoked", reason }, {}), { discard: true })
})

/** Ends all that is granted to anybody, in a transaction of the caller's, and answers how many sessions that was. */
export const endAllSessions = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, reason: string) {
  yield* sql`delete from mcp.oauth_authorization_codes`
  yield* sql`delete from mcp.oauth_redemptions`
  yield* sql`update mcp.oauth_access_tokens set revoked_at = clock_timestamp() where revoked_at is null`
  yield* sql`
    update mcp.oauth_refresh_tokens set revoked_at = coalesce(revoked_at, clock_timestamp()), sealed_successor = null
    where revoked_at is null or sealed_successor is not null`
  const ended = yield* sql`
    with ended as (
      update mcp.mcp_sessions
      set status = 'revoked', status_reason = ${reason}, status_changed_at = clock_timestamp()
      where status = 'active' returning id, client_id
    )
    insert into mcp.audit_events (event, session_id, client_id, detail)
    select 'session_revoked', id, client_id, ${JSON.stringify({ reason })}::jsonb from ended returning 1`
  return ended.length
})

export const makeSessions = (sql: SqlClient.SqlClient) => {
  const inspect = Effect.fn("TokenStore.inspect")(function* (token: PresentedToken, kind: "access" | "refresh") {
    const live = sql`
      join mcp.mcp_sessions s on s.id = t.session_id
      join mcp.oauth_clients c on c.client_id = s.client_id
      where t.token_hash = ${token.hash} and t.revoked_at is null and t.expires_at > clock_timestamp()
        and s.status = 'active' and s.expires_at > clock_timestamp() and c.disabled_at is null`
    const row = yield* decodeInspected(
      kind === "access"
        ? sql`select s.client_id, s.subject, t.scopes, t.resource, t.created_at, t.expires_at
              from mcp.oauth_access_tokens t ${live}`
        : sql`select s.client_id, s.subject, s.scopes, s.resource, t.created_at, t.expires_at
              from mcp.oauth_refresh_tokens t ${live}`
    )
    if (row === undefined) return undefined
    return {
      clientId: row.client_id,
      subject: row.subject,
      scopes: row.scopes,
      resource: row.resource,
      issuedAt: row.created_at,
      expiresAt: row.expires_at
    } satisfies TokenFacts
  })

  const hasSession = Effect.fn("TokenStore.hasSession")(function* (clientId: string, redirectUri: string) {
    const found = yield* sql`
      select from mcp.mcp_sessions
      where client_id = ${clientId} and redirect_uri = ${redirectUri}
        and status = 'active' and expires_at > clock_timestamp() limit 1`
    return found.length > 0
  })

  const revokeSession = Effect.fn("TokenStore.revokeSession")(
    function* (token: PresentedToken, by: Presenter) {
      const owner = yield* decodeOwner(sql`
        select s.client_id, r.token_hash
        from mcp.mcp_sessions s
        left join mcp.oauth_refresh_tokens r on r.session_id = s.id and r.generation = ${token.generation}
        where s.id = ${token.sessionId} for update of s`)
      if (owner?.client_id !== by.clientId) return
      // A genuine tag over another value than the stored one was forged with a leaked key.
      if (owner.token_hash !== null && Buffer.compare(owner.token_hash, token.hash) !== 0) return
      yield* endSession(sql, token.sessionId, { status: "revoked", reason: "revoked by its client" }, { by })
    },
    sql.withTransaction,
    Effect.uninterruptible
  )

  return { hasSession, inspect, revokeSession }
}
