/** The rotation of a refresh token as one statement. */

import { Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { Lifetimes } from "./sessions.sql.ts"

/** Hashes are SHA-256 digests of tokens. */
export interface RotationValues {
  readonly sessionId: string
  readonly clientId: string
  /** Of the presented token; the next one is of the next generation. */
  readonly generation: number
  readonly presented: Uint8Array
  /** The part of the grant that is asked for; all of it when absent. */
  readonly requested: ReadonlyArray<string> | undefined
  readonly refresh: Uint8Array
  readonly access: Uint8Array
  /** The answer, sealed for a repeat; null without a grace. */
  readonly sealed: Uint8Array | null
}

export const RotatedRow = Schema.Struct({ scopes: Schema.Array(Schema.String), expires_in: Schema.Number })

/**
 * Answers and writes nothing, unless the token is the live head of an active session of the client, and the session
 * covers what is asked for. The update of the session comes first: it takes the lock, and after a wait Postgres checks
 * its conditions again, so of two rotations of one token only one finds them to hold.
 */
export const rotation = (
  sql: SqlClient.SqlClient,
  lifetimes: Lifetimes,
  { sessionId, clientId, generation, presented, requested, refresh, access, sealed }: RotationValues
) => sql`
  with head as (
    update mcp.mcp_sessions s set head_generation = ${generation + 1}, confirmed_at = null
    where s.id = ${sessionId} and s.client_id = ${clientId} and s.status = 'active'
      and s.head_generation = ${generation} and s.expires_at > clock_timestamp()
      and coalesce(${requested ?? null}::text[] <@ s.scopes, true)
      and exists (
        select from mcp.oauth_refresh_tokens r
        where r.token_hash = ${presented} and r.session_id = s.id and r.generation = ${generation}
          and r.rotated_at is null and r.revoked_at is null and r.expires_at > clock_timestamp()
      )
    returning s.id, s.scopes, s.resource, s.expires_at, clock_timestamp() as now
  ), retired as (
    update mcp.oauth_refresh_tokens r
    set rotated_at = head.now, revoked_at = head.now, sealed_successor = ${sealed}
    from head where r.token_hash = ${presented}
  ), unsealed as (
    update mcp.oauth_refresh_tokens r set sealed_successor = null
    -- No look at the generation: it would lead the planner along the whole chain.
    from head where r.session_id = head.id and r.sealed_successor is not null
      and r.rotated_at < head.now - make_interval(secs => ${lifetimes.refreshReuseGrace})
  ), refresh as (
    insert into mcp.oauth_refresh_tokens (token_hash, session_id, generation, parent_hash, created_at, expires_at)
    select ${refresh}, id, ${generation + 1}, ${presented}, now,
           least(now + make_interval(secs => ${lifetimes.refreshToken}), expires_at)
    from head
  )
  insert into mcp.oauth_access_tokens (token_hash, session_id, generation, scopes, resource, created_at, expires_at)
  select ${access}, id, ${generation + 1}, coalesce(${requested ?? null}::text[], scopes), resource, now,
         least(now + make_interval(secs => ${lifetimes.accessToken}), expires_at)
  from head returning scopes, floor(extract(epoch from expires_at - created_at))::integer as expires_in`
