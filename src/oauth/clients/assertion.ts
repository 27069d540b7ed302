/** `private_key_jwt`: a client proves who it is by a signature (RFC 7523 §3, OpenID Connect Core §9). */

import { createHash } from "node:crypto"
import { Clock, Effect, Redacted } from "effect"
import { createLocalJWKSet, decodeJwt, errors, type JWTPayload, jwtVerify } from "jose"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { ClientDocuments } from "./ClientDocuments.ts"
import { ClientRegistry } from "./ClientRegistry.ts"
import { type Client, SIGNING_ALGORITHMS } from "./client.ts"
import type { JsonWebKeySet } from "./keySet.ts"

/** RFC 7523 §2.2. */
export const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const MAX_LENGTH = 8192
const CLOCK_TOLERANCE_SECONDS = 30
/** An assertion that lives longer is a key in disguise. */
const MAX_LIFETIME_SECONDS = 3600

/** Whom an assertion claims to be from; nothing about it is proven. */
export const subjectOf = (assertion: Redacted.Redacted): Effect.Effect<string | undefined> =>
  Effect.try(() => decodeJwt(Redacted.value(assertion)).sub).pipe(Effect.catch(() => Effect.succeed(undefined)))

const verifySignature = (assertion: Redacted.Redacted, keys: JsonWebKeySet, options: Parameters<typeof jwtVerify>[2]) =>
  Effect.tryPromise({
    try: () => jwtVerify(Redacted.value(assertion), createLocalJWKSet(keys), options),
    catch: (cause) => cause
  })

/** Whether `assertion` proves that `client` is asking, now and for the first time. Spends it. */
export const proves = Effect.fn("clientAssertion.proves")(function* (client: Client, assertion: Redacted.Redacted) {
  const { issuer } = yield* ServerConfig
  const documents = yield* ClientDocuments
  const registry = yield* ClientRegistry
  const now = yield* Clock.currentTimeMillis
  const refuse = (reason: string) =>
    Effect.as(
      Effect.logInfo("client assertion refused").pipe(Effect.annotateLogs({ client_id: client.clientId, reason })),
      false
    )
  if (Redacted.value(assertion).length > MAX_LENGTH) return yield* refuse("it is too long")

  const options = {
    algorithms: SIGNING_ALGORITHMS,
    issuer: client.clientId,
    subject: client.clientId,
    audience: [issuer, `${issuer}/token`],
    requiredClaims: ["exp", "jti"],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    currentDate: new Date(now)
  }
  const keysOf = (renew: boolean) =>
    client.keys?._tag === "Remote" ? documents.keys(client.keys.jwksUri, renew) : Effect.succeed(client.keys?.jwks)
  const verified = Effect.fnUntraced(function* (renew: boolean) {
    const keys = yield* keysOf(renew)
    return keys === undefined ? undefined : (yield* verifySignature(assertion, keys, options)).payload
  })
  const payload = yield* verified(false).pipe(
    // Keys are rotated: one that is not in our copy of the set may be in theirs.
    Effect.catchIf(
      (cause) => cause instanceof errors.JWKSNoMatchingKey && client.keys?._tag === "Remote",
      () => verified(true)
    ),
    Effect.catch((cause) => Effect.succeed(cause instanceof Error ? cause.message : "it could not be verified"))
  )
  if (payload === undefined) return yield* refuse("the client's keys cannot be had")
  if (typeof payload === "string") return yield* refuse(payload)

  const { jti, exp } = claimsOf(payload)
  if (Array.isArray(payload.aud) && payload.aud.length !== 1) return yield* refuse("it has several audiences")
  if (exp * 1000 - now > MAX_LIFETIME_SECONDS * 1000) return yield* refuse("it lives too long")
  const spent = yield* registry.spendAssertion(
    client.clientId,
    createHash("sha256").update(jti).digest(),
    new Date((exp + CLOCK_TOLERANCE_SECONDS) * 1000)
  )
  return spent || (yield* refuse("it was used before"))
})

/** Both are there: they are required claims, of these types. */
const claimsOf = ({ jti = "", exp = 0 }: JWTPayload) => ({ jti, exp })
