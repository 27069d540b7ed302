/** The token endpoint: `authorization_code` (RFC 6749 §4.1.3) and `refresh_token` (§6). */

import { Effect, Exit, Redacted } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { reuse, tokensIssued } from "../../telemetry/counts.ts"
import { note } from "../../web/notes.ts"
import { authenticate } from "../clients/authentication.ts"
import { ClientRegistry } from "../clients/ClientRegistry.ts"
import type { Client, GrantType } from "../clients/client.ts"
import { isDocumentUrl } from "../clients/document.ts"
import {
  InvalidGrant,
  InvalidRequest,
  InvalidScope,
  SlowDown,
  TemporarilyUnavailable,
  UnauthorizedClient,
  UnsupportedGrantType
} from "../errors.ts"
import { issueIdToken } from "../openid/idToken.ts"
import { SigningKeys } from "../openid/SigningKeys.ts"
import { type Parameters, requestedResource, required, requiredSecret } from "../parameters.ts"
import * as Pkce from "../pkce.ts"
import * as Scope from "../scope.ts"
import { orTell } from "../tokens/background.ts"
import * as OpaqueToken from "../tokens/opaqueToken.ts"
import { ServerKeys } from "../tokens/ServerKeys.ts"
import type { Presenter } from "./sessions.sql.ts"
import { TokenStore } from "./TokenStore.ts"

/** RFC 6749 §5.1. */
export interface TokenResponse {
  readonly access_token: string
  readonly token_type: "Bearer"
  readonly expires_in: number
  readonly refresh_token?: string
  readonly scope: string
  /** OpenID Connect Core §3.1.3.3. A refresh brings none (§12.2 allows that): nobody proved anything anew. */
  readonly id_token?: string
}

/** One sentence for every reason: a caller who holds a wrong grant learns nothing about it. The log knows more. */
const invalidGrant = (what: string) =>
  new InvalidGrant({
    description: `${what} is unknown, expired, revoked, already used, or was issued to another client`
  })

const response = (issued: {
  readonly accessToken: Redacted.Redacted
  readonly refreshToken: Redacted.Redacted | undefined
  readonly expiresIn: number
  readonly scopes: ReadonlyArray<string>
}): TokenResponse => ({
  access_token: Redacted.value(issued.accessToken),
  token_type: "Bearer",
  expires_in: issued.expiresIn,
  ...(issued.refreshToken === undefined ? {} : { refresh_token: Redacted.value(issued.refreshToken) }),
  scope: Scope.format(issued.scopes)
})

const authorizationCode = Effect.fnUntraced(function* (client: Client, parameters: Parameters, by: Presenter) {
  const presented = yield* requiredSecret(parameters, "code")
  const verifier = yield* required(parameters, "code_verifier")
  if (!Pkce.isVerifier(verifier)) {
    return yield* new InvalidRequest({ description: "code_verifier is not 43 to 128 unreserved characters" })
  }
  yield* requestedResource(parameters)

  const keys = yield* ServerKeys
  const code = OpaqueToken.read("code", keys.byId, presented)
  if (code === undefined) return yield* invalidGrant("code")

  const access = OpaqueToken.mint("access", keys.signing(), code.sessionId, 0)
  const refresh = client.grantTypes.includes("refresh_token")
    ? OpaqueToken.mint("refresh", keys.signing(), code.sessionId, 0)
    : undefined

  // At hand before the code is spent: it cannot be shown again when there is none.
  const sign = yield* (yield* SigningKeys).signer(client.openid?.idTokenAlg ?? "RS256")
  const store = yield* TokenStore
  const request = {
    code,
    by,
    redirectUri: parameters.get("redirect_uri"),
    codeChallenge: Pkce.challengeOf(verifier),
    access,
    refresh
  }
  // The request's scope closes when its answer was sent, or when there is nobody left to send it to.
  const whenAnswered = Effect.addFinalizer((exit) =>
    store
      .answered(code, Exit.isSuccess(exit))
      .pipe(orTell("that an exchange was answered is not written; the code may be answered once more"))
  )
  const redemption = yield* Effect.uninterruptibleMask((restore) =>
    Effect.tap(restore(store.redeem(request)), ({ _tag }) => (_tag === "Redeemed" ? whenAnswered : Effect.void))
  )
  switch (redemption._tag) {
    case "Redeemed": {
      const { accessToken, subject, scopes, nonce, authTime } = redemption
      const issued = response(redemption)
      tokensIssued.of("authorization_code").value++
      yield* note({ person: subject })
      if (!scopes.includes(Scope.OPENID.name)) return issued
      const about = { clientId: client.clientId, subject, nonce, authTime, accessToken }
      return { ...issued, id_token: yield* issueIdToken(sign, about) }
    }
    case "Unsettled":
      return yield* new TemporarilyUnavailable({
        description: "this code was redeemed a moment ago; whether it was answered will be known in some seconds"
      })
    case "Replayed":
      reuse.of().value++
      yield* Effect.logWarning("authorization code redeemed again; its session is revoked").pipe(
        Effect.annotateLogs({ session_id: code.sessionId, client_id: client.clientId })
      )
      return yield* invalidGrant("code")
    default:
      return yield* invalidGrant("code")
  }
})

const refreshToken = Effect.fnUntraced(function* (client: Client, parameters: Parameters, by: Presenter) {
  const presented = yield* requiredSecret(parameters, "refresh_token")
  const { current } = yield* Scope.ScopeCatalogue
  const requested = yield* Scope.asked(current(), parameters.get("scope"))
  yield* requestedResource(parameters)

  const keys = yield* ServerKeys
  const token = OpaqueToken.read("refresh", keys.byId, presented)
  if (token === undefined) return yield* invalidGrant("refresh_token")

  const store = yield* TokenStore
  const rotation = yield* store.refresh({
    token,
    by,
    requested,
    refresh: OpaqueToken.mint("refresh", keys.signing(), token.sessionId, token.generation + 1),
    mintAccess: (generation) => OpaqueToken.mint("access", keys.signing(), token.sessionId, generation)
  })
  const log = Effect.annotateLogs({
    session_id: token.sessionId,
    client_id: client.clientId,
    generation: token.generation
  })
  switch (rotation._tag) {
    case "Rotated":
      tokensIssued.of("refresh_token").value++
      return response(rotation)
    case "Unknown":
      return yield* invalidGrant("refresh_token")
    case "ScopeExceeded":
      return yield* new InvalidScope({ description: "scope exceeds what was granted" })
    case "Compromise":
      reuse.of().value++
      yield* log(Effect.logWarning("retired refresh token presented again; its session is compromised"))
      return yield* invalidGrant("refresh_token")
    case "TooManyReplays":
      return yield* new SlowDown({
        description: "the same refresh_token was repeated too often",
        retryAfterSeconds: 60
      })
    case "Refuse":
      yield* log(rotation.alarm ? Effect.logError(rotation.why) : Effect.logInfo(rotation.why))
      return yield* invalidGrant("refresh_token")
  }
})

const GRANTS = { authorization_code: authorizationCode, refresh_token: refreshToken } satisfies Record<
  GrantType,
  unknown
>

const PROOFS = ["client_secret", "client_assertion"]

/** Whether somebody who proves nothing goes by a document to which nobody here has consented. */
const isStrangerByDocument = Effect.fnUntraced(function* (parameters: Parameters, authorization: string | undefined) {
  const { registration } = yield* ServerConfig
  const clientId = parameters.get("client_id") ?? ""
  const isProving = authorization !== undefined || PROOFS.some((name) => parameters.get(name) !== undefined)
  if (isProving || !registration.documents || !isDocumentUrl(clientId)) return false
  const registry = yield* ClientRegistry
  return (yield* registry.find(clientId)) === undefined
})

/**
 * Who hands in a grant. On `invalid_client` a client registers anew (RFC 7591), which one that goes by a document cannot:
 * where a database was lost, Codex would stop at that word. It is told that its refresh token is over, and asks again.
 */
export const authenticateGrantee = (parameters: Parameters, authorization: string | undefined) =>
  authenticate(parameters, authorization).pipe(
    Effect.catchTag("invalid_client", (refusal) =>
      parameters.get("grant_type") === "refresh_token"
        ? Effect.flatMap(isStrangerByDocument(parameters, authorization), (isStranger) =>
            Effect.fail(isStranger ? invalidGrant("refresh_token") : refusal)
          )
        : Effect.fail(refusal)
    )
  )

/** RFC 6749 §3.2: exchanges a grant of an authenticated client for tokens. */
export const grant = Effect.fnUntraced(function* (client: Client, parameters: Parameters, by: Presenter) {
  const grantType = yield* required(parameters, "grant_type")
  if (grantType !== "authorization_code" && grantType !== "refresh_token") {
    return yield* new UnsupportedGrantType({ description: "grant_type is not authorization_code or refresh_token" })
  }
  if (!client.grantTypes.includes(grantType)) {
    return yield* new UnauthorizedClient({ description: "this client is not registered for that grant_type" })
  }
  if (client.disabled) return yield* invalidGrant(grantType === "refresh_token" ? "refresh_token" : "code")
  return yield* GRANTS[grantType](client, parameters, by)
})
