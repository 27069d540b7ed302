/**
 * Authorization codes: issued by a closed consent form, redeemed once. The plain redemption is one statement, which
 * writes nothing unless everything fits; only what did not is looked into.
 */

import { Effect, Option, type Redacted, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { Lifetimes } from "../../config/ServerConfig.ts"
import { firstRow, type StoreUnavailable } from "../../database/query.ts"
import type { MintedToken, PresentedToken } from "../tokens/opaqueToken.ts"
import { openCode, sealCode } from "./seal.ts"
import { endSession, type Presenter } from "./sessions.sql.ts"

/** A form that is to be answered once. Its id, a UUID, becomes the id of the session that its code begins. */
export interface AnswerOnce {
  readonly id: string
  /** For how long it may be answered, and so for how long it is remembered that it was. */
  readonly lifetimeSeconds: number
  /** What is posted with the form and known to its browser alone: its code is kept under this. None: nobody can repeat. */
  readonly secret: Redacted.Redacted | undefined
}

/** A code, what a person granted with it, and what it is bound to (RFC 6749 §4.1.3, RFC 7636 §4.4). */
export interface AuthorizationCode extends MintedToken {
  readonly clientId: string
  readonly subject: string
  readonly scopes: ReadonlyArray<string>
  readonly resource: string
  readonly redirectUri: string
  readonly codeChallenge: string
  /** What its ID token says (OpenID Connect Core §2); without a time, now. */
  readonly nonce?: string | undefined
  readonly authTime?: Date | undefined
}

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

const decodeRedeemed = firstRow(
  Schema.Struct({
    subject: Schema.String,
    scopes: Schema.Array(Schema.String),
    nonce: Schema.NullOr(Schema.String),
    auth_time: Schema.Date
  })
)
const decodeKept = firstRow(Schema.Struct({ sealed_code: Schema.NullOr(Schema.Uint8Array) }))
const decodeSpent = firstRow(Schema.Struct({ is_presenters: Schema.Boolean }))

export const makeCodes = (sql: SqlClient.SqlClient, lifetimes: Lifetimes) => {
  /** Of many at once one closes it; the others wait until that is committed. */
  const close = ({ id, lifetimeSeconds }: AnswerOnce, approved: boolean, sealedCode: Uint8Array | null) =>
    Effect.map(
      sql`
        insert into mcp.oauth_decisions (id, approved, sealed_code, expires_at)
        values (${id}, ${approved}, ${sealedCode}, clock_timestamp() + make_interval(secs => ${lifetimeSeconds}))
        on conflict (id) do nothing returning id`,
      (closed) => closed.length > 0
    )

  const denyForm = Effect.fn("TokenStore.denyForm")(function* (form: AnswerOnce) {
    if (yield* close(form, false, null)) return true
    return (yield* sql`select from mcp.oauth_decisions where id = ${form.id} and not approved`).length > 0
  }, Effect.uninterruptible)

  /** The code that the same decision was answered with, while it is good. */
  const issuedBefore = Effect.fnUntraced(function* ({ id, secret }: AnswerOnce, code: AuthorizationCode) {
    const kept = yield* decodeKept(sql`
      select d.sealed_code
      from mcp.oauth_decisions d join mcp.oauth_authorization_codes c on c.session_id = d.id
      where d.id = ${id} and c.expires_at > clock_timestamp()
        and c.subject = ${code.subject} and c.scopes = ${code.scopes}`)
    if (secret === undefined || !kept?.sealed_code) return undefined
    return Option.getOrUndefined(openCode(secret, kept.sealed_code))
  })

  const issueCode = Effect.fn("TokenStore.issueCode")(
    function* <E>(form: AnswerOnce, code: AuthorizationCode, along: Effect.Effect<void, E | StoreUnavailable>) {
      const sealed = form.secret === undefined ? null : sealCode(form.secret, code.secret)
      if (!(yield* close(form, true, sealed))) return yield* issuedBefore(form, code)
      yield* along
      yield* sql`
        insert into mcp.oauth_authorization_codes
          (code_hash, session_id, client_id, subject, scopes, resource, redirect_uri, code_challenge, nonce,
           auth_time, expires_at)
        values (${code.hash}, ${form.id}, ${code.clientId}, ${code.subject}, ${code.scopes}, ${code.resource},
                ${code.redirectUri}, ${code.codeChallenge}, ${code.nonce ?? null},
                coalesce(${code.authTime ?? null}, clock_timestamp()),
                clock_timestamp() + make_interval(secs => ${lifetimes.authorizationCode}))`
      return code.secret
    },
    sql.withTransaction,
    Effect.uninterruptible
  )

  /** The conditions on a row of codes, or on the session that a code began. */
  const isPresenters = ({ by, redirectUri, codeChallenge }: RedeemRequest) => sql`
    client_id = ${by.clientId} and code_challenge = ${codeChallenge}
    and redirect_uri = coalesce(${redirectUri ?? null}, redirect_uri)`

  const redeemNow = Effect.fnUntraced(function* (request: RedeemRequest) {
    const { code, by, access, refresh } = request
    const expiresIn = Math.min(lifetimes.accessToken, lifetimes.session)
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
      )
      select subject, scopes, nonce, auth_time from code`)
    if (redeemed === undefined) return undefined
    const { subject, scopes, nonce, auth_time } = redeemed
    return {
      _tag: "Redeemed",
      subject,
      scopes,
      nonce: nonce ?? undefined,
      authTime: auth_time,
      expiresIn
    } satisfies Redemption
  })

  /** A code that its own client shows again was stolen from it, or by it: what it began is ended (RFC 6749 §4.1.2). */
  const condemn = Effect.fn("TokenStore.condemn")(function* (request: RedeemRequest) {
    const { code, by } = request
    const spent = yield* decodeSpent(sql`
      select ${isPresenters(request)} as is_presenters
      from mcp.mcp_sessions where id = ${code.sessionId} and code_hash = ${code.hash} for update`)
    if (spent?.is_presenters !== true) return { _tag: "Refused" } satisfies Redemption
    const end = { status: "revoked", reason: "authorization code redeemed again" } as const
    yield* endSession(sql, code.sessionId, end, { by })
    return { _tag: "Replayed" } satisfies Redemption
  }, sql.withTransaction)

  const redeem = Effect.fnUntraced(function* (request: RedeemRequest) {
    return (yield* redeemNow(request)) ?? (yield* condemn(request))
  }, Effect.uninterruptible)

  return { denyForm, issueCode, redeem }
}
