/**
 * Refresh token rotation. The plain case is one statement, which writes nothing unless every condition holds. Whatever it
 * leaves alone is examined under the session's row lock: `rotation.ts` decides, this obeys.
 */

import { Array as Arr, Effect, Redacted, Schema, Semaphore } from "effect"
import type { SqlClient } from "effect/sql"
import type { Lifetimes } from "../../config/ServerConfig.ts"
import { firstRow, rows, unlessGivenUp } from "../../database/query.ts"
import { AUTH_METHODS, type TokenEndpointAuthMethod } from "../clients/client.ts"
import * as Scope from "../scope.ts"
import { type MintedToken, type PresentedToken, sha256 } from "../tokens/opaqueToken.ts"
import { decide, type RotationDecision, type SessionState } from "./rotation.ts"
import { openAll, type Successor, seal } from "./seal.ts"
import { endSession, type Presenter } from "./sessions.sql.ts"

export interface RefreshRequest {
  readonly token: PresentedToken
  readonly by: Presenter
  /** The part of the grant that is asked for; all of it when absent. */
  readonly requested: ReadonlyArray<string> | undefined
  /** Of the next generation. */
  readonly refresh: MintedToken
  /** Makes an access token of a generation. */
  readonly mintAccess: (generation: number) => MintedToken
}

export type Rotation =
  | (Successor & { readonly _tag: "Rotated"; readonly expiresIn: number; readonly scopes: ReadonlyArray<string> })
  /** No session of this client, as it authenticated, has such a token. */
  | { readonly _tag: "Unknown" }
  /** More was asked for than was granted. */
  | { readonly _tag: "ScopeExceeded" }
  | Exclude<RotationDecision, { readonly _tag: "Rotate" | "Replay" }>

const SessionRow = Schema.Struct({
  client_id: Schema.String,
  is_proven: Schema.Boolean,
  scopes: Schema.Array(Schema.String),
  resource: Schema.String,
  status: Schema.Literals(["active", "revoked", "compromised"]),
  head_generation: Schema.Number,
  confirmed_at: Schema.NullOr(Schema.Date),
  expires_at: Schema.Date,
  now: Schema.Date
})
const RefreshRow = Schema.Struct({
  generation: Schema.Number,
  token_hash: Schema.Uint8Array,
  expires_at: Schema.Date,
  rotated_at: Schema.NullOr(Schema.Date),
  sealed_successor: Schema.NullOr(Schema.Uint8Array),
  replays: Schema.Number
})
const decodeSession = firstRow(SessionRow)
const decodeChain = rows(RefreshRow)
const decodeRotated = firstRow(Schema.Struct({ scopes: Schema.Array(Schema.String), expires_in: Schema.Number }))
const decodeUsable = firstRow(Schema.Struct({ scopes: Schema.Array(Schema.String), expires_at: Schema.Date }))

/** As much of a refresh as the statement needs. Hashes are SHA-256 digests of tokens. */
interface RotationValues {
  readonly token: Omit<PresentedToken, "secret">
  readonly by: Presenter
  readonly requested: RefreshRequest["requested"]
  readonly refresh: Pick<MintedToken, "hash">
}

/**
 * By how it authenticates, what a client may go on with: a session that began with a proof is not worth less than one, or
 * whoever has its refresh token would say that there is no proof to give.
 */
const GOES_ON_WITH = {
  none: ["none"],
  client_secret_basic: ["none", "client_secret_basic", "client_secret_post"],
  client_secret_post: ["none", "client_secret_basic", "client_secret_post"],
  private_key_jwt: AUTH_METHODS
} satisfies Record<TokenEndpointAuthMethod, ReadonlyArray<TokenEndpointAuthMethod>>

/**
 * Answers and writes nothing, unless the token is the live head of an active session of the client, and the session
 * covers what is asked for. The update of the session comes first: it takes the lock, and after a wait Postgres checks
 * its conditions again, so of two rotations of one token only one finds them to hold.
 */
export const rotation = (
  sql: SqlClient.SqlClient,
  lifetimes: Lifetimes,
  { token: { sessionId, generation, hash: presented }, by, requested, refresh }: RotationValues,
  access: Pick<MintedToken, "hash">,
  /** The answer, sealed for a repeat; null without a grace. */
  sealed: Uint8Array | null
) => sql`
  with head as (
    update mcp.mcp_sessions s
    set head_generation = ${generation + 1}, confirmed_at = null, last_address = ${by.address}
    where s.id = ${sessionId} and s.client_id = ${by.clientId} and s.status = 'active'
      and coalesce(s.auth_method = any(${GOES_ON_WITH[by.method]}), true)
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
    select ${refresh.hash}, id, ${generation + 1}, ${presented}, now,
           least(now + make_interval(secs => ${lifetimes.refreshToken}), expires_at)
    from head
  )
  insert into mcp.oauth_access_tokens (token_hash, session_id, generation, scopes, resource, created_at, expires_at)
  select ${access.hash}, id, ${generation + 1}, coalesce(${requested ?? null}::text[], scopes), resource, now,
         least(now + make_interval(secs => ${lifetimes.accessToken}), expires_at)
  from head returning scopes, floor(extract(epoch from expires_at - created_at))::integer as expires_in`

/** A repeated answer carries the same access token only while that one is worth having. */
const LEAST_ACCESS_SECONDS = 60
const LANES = 64

export const makeRefresh = (sql: SqlClient.SqlClient, lifetimes: Lifetimes) => {
  // One refresh of a session at a time within this process: a storm of repeats must not occupy the connection pool.
  const lanes = Arr.makeBy(LANES, () => Semaphore.makeUnsafe(1))
  const laneOf = (sessionId: string) => lanes[Number.parseInt(sessionId.slice(0, 2), 16) % LANES] ?? lanes[0]

  const accessExpiry = (session: SessionState) =>
    new Date(Math.min(+session.now + 1000 * lifetimes.accessToken, +session.expiresAt))
  const secondsUntil = (session: SessionState, instant: number) => Math.floor((instant - +session.now) / 1000)

  const rotate = Effect.fnUntraced(function* (request: RefreshRequest) {
    const { token, refresh, mintAccess } = request
    const access = mintAccess(token.generation + 1)
    const successor: Successor = { refreshToken: refresh.secret, accessToken: access.secret }
    const sealed = lifetimes.refreshReuseGrace > 0 ? seal(token.secret, successor) : null
    const row = yield* decodeRotated(rotation(sql, lifetimes, request, access, sealed))
    return row && ({ _tag: "Rotated", ...successor, expiresIn: row.expires_in, scopes: row.scopes } satisfies Rotation)
  })

  /** Repeats the last answer of the session, which the seals from the presented token on lead to. */
  const replay = Effect.fnUntraced(function* (
    { token, by, mintAccess }: RefreshRequest,
    session: SessionState,
    chain: ReadonlyArray<typeof RefreshRow.Type>,
    scopes: ReadonlyArray<string>,
    resource: string
  ) {
    const { headGeneration } = session
    const seals = chain.filter(({ generation }) => generation < headGeneration).map((link) => link.sealed_successor)
    const last = openAll(token.secret, seals)
    if (last === undefined) {
      return { _tag: "Refuse", why: "a sealed successor did not open", alarm: true } satisfies Rotation
    }
    yield* sql`
      with asked as (update mcp.mcp_sessions set last_address = ${by.address} where id = ${token.sessionId})
      update mcp.oauth_refresh_tokens set replays = replays + 1 where token_hash = ${token.hash}`

    const usable = yield* decodeUsable(sql`
      select scopes, expires_at from mcp.oauth_access_tokens
      where session_id = ${token.sessionId} and generation = ${headGeneration}
        and token_hash = ${sha256(Redacted.value(last.accessToken))} and revoked_at is null`)
    const isSame = usable?.scopes.join(" ") === scopes.join(" ")
    if (usable !== undefined && isSame && secondsUntil(session, +usable.expires_at) >= LEAST_ACCESS_SECONDS) {
      const expiresIn = secondsUntil(session, +usable.expires_at)
      return { _tag: "Rotated", ...last, expiresIn, scopes } satisfies Rotation
    }
    const access = mintAccess(headGeneration)
    const expiresAt = accessExpiry(session)
    yield* sql`
      insert into mcp.oauth_access_tokens (token_hash, session_id, generation, scopes, resource, expires_at)
      values (${access.hash}, ${token.sessionId}, ${headGeneration}, ${scopes}, ${resource}, ${expiresAt})`
    const successor: Successor = { refreshToken: last.refreshToken, accessToken: access.secret }
    return { _tag: "Rotated", ...successor, expiresIn: secondsUntil(session, +expiresAt), scopes } satisfies Rotation
  })

  /** What is to become of a token that the plain rotation left alone. */
  const examine = Effect.fn("TokenStore.examine")(function* (request: RefreshRequest) {
    const { token, by } = request
    // The clock is read outside the locking part, so it is read after the lock is held.
    const row = yield* decodeSession(sql`
        with session as materialized (select * from mcp.mcp_sessions where id = ${token.sessionId} for update)
        select client_id, coalesce(auth_method = any(${GOES_ON_WITH[by.method]}), true) as is_proven,
               scopes, resource, status, head_generation, confirmed_at, expires_at, clock_timestamp() as now
        from session`)
    if (row?.client_id !== by.clientId || !row.is_proven) return { _tag: "Unknown" } satisfies Rotation
    const scopes = Scope.narrowed(row.scopes, request.requested)
    if (scopes === undefined) return { _tag: "ScopeExceeded" } satisfies Rotation

    const session: SessionState = {
      status: row.status,
      headGeneration: row.head_generation,
      confirmedAt: row.confirmed_at,
      expiresAt: row.expires_at,
      now: row.now
    }
    // A statement of its own: the one that waited for the lock saw the tokens as they were before it.
    const chain = yield* decodeChain(sql`
        select generation, token_hash, expires_at, rotated_at, sealed_successor, replays
        from mcp.oauth_refresh_tokens
        where session_id = ${token.sessionId} and generation >= ${token.generation} order by generation`)
    const presented = chain.find(({ generation }) => generation === token.generation)
    const decision = decide(
      token,
      session,
      presented && {
        tokenHash: presented.token_hash,
        expiresAt: presented.expires_at,
        rotatedAt: presented.rotated_at,
        replays: presented.replays
      },
      lifetimes.refreshReuseGrace
    )
    switch (decision._tag) {
      case "Rotate":
        // Something that stood in its way has gone since.
        return (yield* rotate(request)) ?? ({ _tag: "Unknown" } satisfies Rotation)
      case "Replay":
        return yield* replay(request, session, chain, scopes, row.resource)
      case "Compromise": {
        yield* unlessGivenUp
        const end = { status: "compromised", reason: "a retired refresh token was presented again" } as const
        const detail = { by, presented_generation: token.generation, head_generation: session.headGeneration }
        yield* endSession(sql, token.sessionId, end, detail)
        return decision
      }
      default:
        return decision
    }
  }, sql.withTransaction)

  const refresh = Effect.fnUntraced(function* (request: RefreshRequest) {
    const rotated = yield* Effect.uninterruptible(rotate(request))
    // Whoever was given up while that took its time ends here: the same client may have refreshed elsewhere since, and
    // what it did then must not look like a theft.
    return rotated ?? (yield* Effect.uninterruptible(examine(request)))
  })

  return (request: RefreshRequest) => laneOf(request.token.sessionId).withPermits(1)(refresh(request))
}
