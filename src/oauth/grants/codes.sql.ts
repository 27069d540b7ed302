/** Authorization codes, as a closed consent form issues them. */

import { Effect, Option, type Redacted, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import type { Lifetimes } from "../../config/ServerConfig.ts"
import { firstRow, type StoreUnavailable } from "../../database/query.ts"
import type { MintedToken } from "../tokens/opaqueToken.ts"
import { openCode, sealCode } from "./seal.ts"

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

const decodeKept = firstRow(Schema.Struct({ sealed_code: Schema.NullOr(Schema.Uint8Array) }))

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

  return { denyForm, issueCode }
}
