/** Authorization codes: issued by a closed consent form, redeemed once. */

import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { FORM_LIFETIME_SECONDS } from "../domain/consentForm.ts"
import type { TokenError } from "../domain/errors.ts"
import type { CodeBinding, Grant } from "../domain/model.ts"
import type { MintedToken, PresentedToken } from "../domain/opaqueToken.ts"
import { firstRow } from "./query.ts"
import { endSession, type Lifetimes, type Presenter } from "./sessions.ts"

export interface AuthorizationCode extends Grant, CodeBinding {
  readonly hash: Uint8Array
}

export interface RedeemRequest {
  readonly code: PresentedToken
  readonly by: Presenter
  /** Whether the presenter may redeem a code with this binding; an error spends nothing. */
  readonly judge: (bound: Grant & CodeBinding) => TokenError | undefined
  readonly access: MintedToken
  readonly refresh: MintedToken | undefined
}

export type Redemption =
  | { readonly _tag: "Redeemed"; readonly scopes: ReadonlyArray<string>; readonly expiresIn: number }
  | { readonly _tag: "Refused"; readonly error: TokenError }
  | { readonly _tag: "Expired" }
  | { readonly _tag: "Unknown" }
  /** It had been redeemed before; the session that it began has been revoked. */
  | { readonly _tag: "Replayed" }

const BoundRow = Schema.Struct({
  client_id: Schema.String,
  subject: Schema.String,
  scopes: Schema.Array(Schema.String),
  resource: Schema.String,
  redirect_uri: Schema.String,
  code_challenge: Schema.String,
  expired: Schema.Boolean
})
const decodeBound = firstRow(BoundRow)

const toBound = (row: typeof BoundRow.Type): Grant & CodeBinding => ({
  clientId: row.client_id,
  subject: row.subject,
  scopes: row.scopes,
  resource: row.resource,
  redirectUri: row.redirect_uri,
  codeChallenge: row.code_challenge
})

export const makeCodes = (sql: SqlClient.SqlClient, lifetimes: Lifetimes) => {
  const closeForm = Effect.fn("TokenStore.closeForm")(function* (id: string, code?: AuthorizationCode) {
    const close = sql`
      insert into mcp.oauth_decisions (id, expires_at)
      values (${id}, clock_timestamp() + make_interval(secs => ${FORM_LIFETIME_SECONDS}))
      on conflict (id) do nothing returning id`
    const closed = yield* code === undefined
      ? close
      : sql`
          with closed as (${close})
          insert into mcp.oauth_authorization_codes
            (code_hash, session_id, client_id, subject, scopes, resource, redirect_uri, code_challenge, expires_at)
          select ${code.hash}, id, ${code.clientId}, ${code.subject}, ${code.scopes}, ${code.resource},
                 ${code.redirectUri}, ${code.codeChallenge},
                 clock_timestamp() + make_interval(secs => ${lifetimes.authorizationCode})
          from closed returning session_id`
    return closed.length > 0
  }, Effect.uninterruptible)

  const redeem = Effect.fn("TokenStore.redeem")(
    function* ({ code, by, judge, access, refresh }: RedeemRequest) {
      // The clock is read outside the locking part, so it is read after the lock is held.
      const fresh = yield* decodeBound(sql`
        with code as materialized (
          select * from mcp.oauth_authorization_codes where code_hash = ${code.hash} for update
        )
        select client_id, subject, scopes, resource, redirect_uri, code_challenge,
               expires_at <= clock_timestamp() as expired
        from code`)
      if (fresh === undefined) {
        const spent = yield* decodeBound(sql`
          select client_id, subject, scopes, resource, redirect_uri, code_challenge, false as expired
          from mcp.mcp_sessions where id = ${code.sessionId} and code_hash = ${code.hash} for update`)
        if (spent === undefined) return { _tag: "Unknown" } satisfies Redemption
        const refusal = judge(toBound(spent))
        if (refusal !== undefined) return { _tag: "Refused", error: refusal } satisfies Redemption
        const end = { status: "revoked", reason: "authorization code redeemed again" } as const
        yield* endSession(sql, code.sessionId, end, { by })
        return { _tag: "Replayed" } satisfies Redemption
      }
      const refusal = judge(toBound(fresh))
      if (refusal !== undefined) return { _tag: "Refused", error: refusal } satisfies Redemption
      if (fresh.expired) return { _tag: "Expired" } satisfies Redemption

      const expiresIn = Math.min(lifetimes.accessToken, lifetimes.session)
      yield* sql`
        with code as (
          delete from mcp.oauth_authorization_codes where code_hash = ${code.hash} returning *, clock_timestamp() as now
        ), session as (
          insert into mcp.mcp_sessions
            (id, client_id, subject, scopes, resource, code_hash, redirect_uri, code_challenge, created_at, expires_at)
          select session_id, client_id, subject, scopes, resource, code_hash, redirect_uri, code_challenge, now,
                 now + make_interval(secs => ${lifetimes.session})
          from code
        ), refresh as (
          insert into mcp.oauth_refresh_tokens (token_hash, session_id, generation, created_at, expires_at)
          select ${refresh?.hash ?? null}, session_id, 0, now,
                 now + make_interval(secs => ${Math.min(lifetimes.refreshToken, lifetimes.session)})
          from code where ${refresh !== undefined}
        )
        insert into mcp.oauth_access_tokens
          (token_hash, session_id, generation, scopes, resource, created_at, expires_at)
        select ${access.hash}, session_id, 0, scopes, resource, now, now + make_interval(secs => ${expiresIn})
        from code`
      return { _tag: "Redeemed", scopes: fresh.scopes, expiresIn } satisfies Redemption
    },
    sql.withTransaction,
    Effect.uninterruptible
  )

  return { closeForm, redeem }
}
