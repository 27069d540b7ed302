/** ID tokens (OpenID Connect Core §2, §3.1.3.6) and what UserInfo tells (§5.3). */

import { createHash } from "node:crypto"
import { Clock, Effect, Redacted } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import type { IdTokenAlgorithm } from "../clients/client.ts"
import type { SubjectClaims } from "../Subjects.ts"
import { EMAIL, PROFILE } from "../scope.ts"
import { ID_TOKEN_SECONDS, SigningKeys } from "./SigningKeys.ts"

/** What an ID token says of one authentication. */
export interface Authentication {
  readonly clientId: string
  readonly subject: string
  readonly nonce: string | undefined
  /** When the person proved who they are. */
  readonly authTime: Date
  readonly accessToken: Redacted.Redacted
}

/** §3.1.3.6: the left half of the hash, of the hash that the signature uses. */
const atHashOf = (accessToken: Redacted.Redacted) =>
  createHash("sha256").update(Redacted.value(accessToken)).digest().subarray(0, 16).toString("base64url")

/** It says who, when and for whom; name and address are UserInfo's to tell (§5.4). */
export const issueIdToken = Effect.fn("openid.issueIdToken")(function* (
  alg: IdTokenAlgorithm,
  { clientId, subject, nonce, authTime, accessToken }: Authentication
) {
  const { issuer } = yield* ServerConfig
  const keys = yield* SigningKeys
  const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  return yield* keys.sign(alg, {
    iss: issuer,
    sub: subject,
    aud: clientId,
    iat: now,
    exp: now + ID_TOKEN_SECONDS,
    auth_time: Math.floor(+authTime / 1000),
    ...(nonce === undefined ? {} : { nonce }),
    at_hash: atHashOf(accessToken)
  })
})

/** What these scopes let a client know of a subject (§5.4). */
export const userInfo = (
  subject: string,
  scopes: ReadonlyArray<string>,
  { name, email, emailVerified }: SubjectClaims
) => ({
  sub: subject,
  ...(scopes.includes(PROFILE.name) && name !== undefined ? { name } : {}),
  ...(scopes.includes(EMAIL.name) && email !== undefined ? { email, email_verified: emailVerified } : {})
})

/** Every claim that we may tell. */
export const CLAIMS = [
  "iss",
  "sub",
  "aud",
  "exp",
  "iat",
  "auth_time",
  "nonce",
  "at_hash",
  "name",
  "email",
  "email_verified"
]
