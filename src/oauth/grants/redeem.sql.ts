/**
 * Codes are redeemed once. The plain redemption is one statement, which writes nothing unless everything fits; only what
 * did not is looked into.
 *
 * A code that its client shows again ends what it began (RFC 6749 §4.1.2), except for a client that was never answered:
 * this server was killed, or lost the database, between the commit and the answer. With a grace, the answer is kept under
 * seal until it was given, and whoever asks again in time has it then: one code, one answer.
 */

import { Effect, Option, type Redacted, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { Lifetimes } from "../../config/ServerConfig.ts"
import { firstRow, unlessGivenUp } from "../../database/query.ts"
import { putNewest } from "../../web/newest.ts"
import type { MintedToken, PresentedToken } from "../tokens/opaqueToken.ts"
import { openAnswer, sealAnswer } from "./seal.ts"
import { endSession, type Presenter } from "./sessions.sql.ts"

export interface RedeemRequest {
  readonly code: PresentedToken
  readonly by: Presenter
  /** As sent along; it is optional here (OAuth 2.1 §10.2), but one that is sent must be the one of the request. */
  readonly redirectUri: string | undefined
  /** Of the verifier that was sent (RFC 7636 §4.6). */
  readonly codeChallenge: string
  readonly access: MintedToken
  readonly refresh: MintedToken | undefined
}

export type Redemption =
  | {
      readonly _tag: "Redeemed"
      readonly accessToken: Redacted.Redacted
      readonly refreshToken: Redacted.Redacted | undefined
      readonly subject: string
      readonly scopes: ReadonlyArray<string>
      readonly nonce: string | undefined
      readonly authTime: Date
      readonly expiresIn: number
    }
  /** Unknown, expired, or not the presenter's; nothing was written. */
  | { readonly _tag: "Refused" }
  /** It had been redeemed before; the session that it began has been revoked. */
  | { readonly _tag: "Replayed" }
  /** It was redeemed a moment ago, and another process may be about to answer. */
  | { readonly _tag: "Unsettled" }

/** Longer than a request that redeems can take, so that it has been answered then, or never will be. */
const SETTLED_SECONDS = 10
/** An answer is given by one request, or was lost. */
type Fate = RedeemRequest | "lost"

/** Some hundred bytes each; whose fate was forgotten here is unsettled for a while. */
const MOST_FATES = 10_000

const decodeRedeemed = firstRow(
  Schema.Struct({
    subject: Schema.String,
    scopes: Schema.Array(Schema.String),
    nonce: Schema.NullOr(Schema.String),
    auth_time: Schema.Date
  })
)
const decodeSpent = firstRow(Schema.Struct({ is_presenters: Schema.Boolean }))
const decodeKept = firstRow(
  Schema.Struct({
    sealed_answer: Schema.Uint8Array,
    subject: Schema.String,
    scopes: Schema.Array(Schema.String),
    nonce: Schema.NullOr(Schema.String),
    auth_time: Schema.Date,
    expires_in: Schema.Number,
    is_settled: Schema.Boolean
  })
)

export const makeRedeem = (sql: SqlClient.SqlClient, lifetimes: Lifetimes) => {
  /** What became of answers that were this process's to give, by session. */
  const fates = new Map<string, Fate>()
  const settle = (sessionId: string, fate: Fate) => putNewest(fates, MOST_FATES, sessionId, fate)

  /** The conditions on a row of codes, or on the session that a code began. */
  const isPresenters = ({ by, redirectUri, codeChallenge }: RedeemRequest) => sql`
    client_id = ${by.clientId} and code_challenge = ${codeChallenge}
    and redirect_uri = coalesce(${redirectUri ?? null}, redirect_uri)`

  const redeemNow = Effect.fnUntraced(function* (request: RedeemRequest) {
    const { code, by, access, refresh } = request
    const expiresIn = Math.min(lifetimes.accessToken, lifetimes.session)
    const answer = { accessToken: access.secret, refreshToken: refresh?.secret }
    const sealed = lifetimes.refreshReuseGrace > 0 ? sealAnswer(code.secret, answer) : null
    const redeemed = yield* decodeRedeemed(sql`
      with code as (
        delete from mcp.oauth_authorization_codes
        where code_hash = ${code.hash} and expires_at > clock_timestamp() and ${isPresenters(request)}
        returning *, clock_timestamp() as now
      ), session as (
        insert into mcp.mcp_sessions
          (id, client_id, auth_method, subject, scopes, resource, code_hash, redirect_uri, code_challenge, last_address,
           created_at, expires_at)
        select session_id, client_id, ${by.method}, subject, scopes, resource, code_hash, redirect_uri, code_challenge,
               ${by.address}, now, now + make_interval(secs => ${lifetimes.session})
        from code
      ), refresh as (
        insert into mcp.oauth_refresh_tokens (token_hash, session_id, generation, created_at, expires_at)
        select ${refresh?.hash ?? null}, session_id, 0, now,
               now + make_interval(secs => ${Math.min(lifetimes.refreshToken, lifetimes.session)})
        from code where ${refresh !== undefined}
      ), access as (
        insert into mcp.oauth_access_tokens (token_hash, session_id, generation, scopes, resource, created_at, expires_at)
        select ${access.hash}, session_id, 0, scopes, resource, now, now + make_interval(secs => ${expiresIn})
        from code
      ), kept as (
        insert into mcp.oauth_redemptions (session_id, sealed_answer, nonce, auth_time, created_at, expires_at)
        select session_id, ${sealed}, nonce, auth_time, now,
               now + make_interval(secs => ${lifetimes.refreshReuseGrace})
        from code where ${sealed !== null}
      )
      select subject, scopes, nonce, auth_time from code`)
    if (redeemed === undefined) return undefined
    // Whoever shows it again while the answer is on its way is another one. Nobody waits for it if it was lost by now.
    if (sealed !== null && !fates.has(code.sessionId)) settle(code.sessionId, request)
    const { subject, scopes, nonce, auth_time } = redeemed
    return {
      _tag: "Redeemed",
      ...answer,
      subject,
      scopes,
      nonce: nonce ?? undefined,
      authTime: auth_time,
      expiresIn
    } satisfies Redemption
  })

  /** What was issued and not answered, as long as nobody has used it. The caller holds the session's lock. */
  const unanswered = Effect.fnUntraced(function* ({ code, by }: RedeemRequest) {
    const fate = fates.get(code.sessionId)
    if (lifetimes.refreshReuseGrace === 0 || (fate !== undefined && fate !== "lost")) return undefined
    const kept = yield* decodeKept(sql`
      select r.sealed_answer, s.subject, s.scopes, r.nonce, r.auth_time,
             floor(extract(epoch from a.expires_at - clock_timestamp()))::integer as expires_in,
             r.created_at < clock_timestamp() - make_interval(secs => ${SETTLED_SECONDS}) as is_settled
      from mcp.oauth_redemptions r
      join mcp.mcp_sessions s on s.id = r.session_id
      join mcp.oauth_access_tokens a on a.session_id = s.id
      where s.id = ${code.sessionId} and r.expires_at > clock_timestamp() and a.expires_at > clock_timestamp()
        and a.revoked_at is null and s.status = 'active' and s.expires_at > clock_timestamp()
        and s.head_generation = 0 and s.confirmed_at is null and s.auth_method = ${by.method}`)
    if (kept === undefined) return undefined
    if (!kept.is_settled && fate !== "lost") return { _tag: "Unsettled" } satisfies Redemption
    const answer = Option.getOrUndefined(openAnswer(code.secret, kept.sealed_answer))
    if (answer === undefined) return undefined
    return {
      _tag: "Redeemed",
      accessToken: answer.accessToken,
      refreshToken: answer.refreshToken,
      subject: kept.subject,
      scopes: kept.scopes,
      nonce: kept.nonce ?? undefined,
      authTime: kept.auth_time,
      expiresIn: kept.expires_in
    } satisfies Redemption
  })

  /** A code that its own client shows again, and was answered before, was stolen from it, or by it. */
  const examine = Effect.fn("TokenStore.examineCode")(function* (request: RedeemRequest) {
    const { code, by } = request
    const spent = yield* decodeSpent(sql`
      select ${isPresenters(request)} as is_presenters
      from mcp.mcp_sessions where id = ${code.sessionId} and code_hash = ${code.hash} for update`)
    if (spent?.is_presenters !== true) return { _tag: "Refused" } satisfies Redemption
    const repeated = yield* unanswered(request)
    if (repeated !== undefined) return repeated
    yield* unlessGivenUp
    const end = { status: "revoked", reason: "authorization code redeemed again" } as const
    yield* endSession(sql, code.sessionId, end, { by })
    return { _tag: "Replayed" } satisfies Redemption
  }, sql.withTransaction)

  const redeem = Effect.fnUntraced(function* (request: RedeemRequest) {
    const redeemed = yield* Effect.uninterruptible(redeemNow(request))
    if (redeemed !== undefined) return redeemed
    // Whoever was given up while that took its time ends here: the code may have been answered elsewhere since, to the
    // same client, which would lose what it got.
    const examined = yield* Effect.uninterruptible(examine(request))
    if (examined._tag === "Redeemed") settle(request.code.sessionId, request)
    return examined
  })

  /** An answer that was given is not given again. */
  const answered = Effect.fn("TokenStore.answered")(function* ({ sessionId }: PresentedToken, wasGiven: boolean) {
    if (lifetimes.refreshReuseGrace === 0) return
    if (!wasGiven) return settle(sessionId, "lost")
    yield* sql`delete from mcp.oauth_redemptions where session_id = ${sessionId}`
    fates.delete(sessionId)
  }, Effect.uninterruptible)

  return {
    redeem,
    answered,
    /** A redemption has failed, as far as its caller knows: its answer is lost, if it was the one to have one. */
    failed: (request: RedeemRequest) => {
      const { sessionId } = request.code
      if ((fates.get(sessionId) ?? request) === request) settle(sessionId, "lost")
    }
  }
}
