/** `private_key_jwt`: a client proves who it is by a signature (RFC 7523 §3, OpenID Connect Core §9). */

import { createHash } from "node:crypto"
import { Clock, Effect, Redacted, Schema } from "effect"
import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from "jose"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { TemporarilyUnavailable } from "../errors.ts"
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

/** What an assertion says (RFC 7523 §3). Several audiences could each hand it on to the others. */
const Claims = Schema.Struct({
  iss: Schema.String,
  sub: Schema.String,
  jti: Schema.String,
  exp: Schema.Finite,
  aud: Schema.Union([Schema.String, Schema.Tuple([Schema.String])])
})
const decodeClaims = Schema.decodeUnknownEffect(Claims)
const decodeSubject = Schema.decodeUnknownEffect(Schema.Struct({ sub: Schema.String }))

/** Why an assertion proves nothing; `keys` when another key set might. For the log. */
class Unproven extends Schema.TaggedError<Unproven>()("Unproven", { reason: Schema.String, keys: Schema.Boolean }) {}

/** Whom an assertion claims to be from; nothing about it is proven. */
export const subjectOf = (assertion: Redacted.Redacted): Effect.Effect<string | undefined> =>
  Effect.try(() => decodeJwt(Redacted.value(assertion))).pipe(
    Effect.flatMap(decodeSubject),
    Effect.map(({ sub }): string | undefined => sub),
    Effect.orElseSucceed(() => undefined)
  )

type Options = Parameters<typeof jwtVerify>[2]

const verifyBy = (assertion: Redacted.Redacted, keys: JsonWebKeySet, options: Options) =>
  Effect.tryPromise({
    try: () => jwtVerify(Redacted.value(assertion), createLocalJWKSet(keys), options),
    catch: (cause) => cause
  })

/** Tries every key that may be meant: who names none by its `kid` may have several. */
const verify = (assertion: Redacted.Redacted, keys: JsonWebKeySet, options: Options) =>
  verifyBy(assertion, keys, options).pipe(
    Effect.catchIf(
      (cause) => cause instanceof errors.JWKSMultipleMatchingKeys,
      () => Effect.firstSuccessOf(keys.keys.map((key) => verifyBy(assertion, { keys: [key] }, options)))
    ),
    Effect.mapError((cause) => {
      const reason = cause instanceof Error ? cause.message : "it could not be verified"
      return new Unproven({ reason, keys: KEY_ERRORS.some((KeyError) => cause instanceof KeyError) })
    }),
    Effect.flatMap(({ payload }) =>
      Effect.mapError(
        decodeClaims(payload),
        () => new Unproven({ reason: "a claim is missing or has the wrong type", keys: false })
      )
    )
  )
// A key that was replaced under its name verifies nothing either.
const KEY_ERRORS = [errors.JWKSNoMatchingKey, errors.JWSSignatureVerificationFailed]

const keysOf = Effect.fnUntraced(function* (client: Client, renew: boolean) {
  if (client.keys?._tag !== "Remote") return client.keys?.jwks ?? { keys: [] }
  const documents = yield* ClientDocuments
  const found = yield* documents.keys(client, client.keys.jwksUri, renew)
  // The assertion may be good: a client that is told `invalid_client` throws its tokens away.
  return found ?? (yield* new TemporarilyUnavailable({ description: "the keys of the client cannot be fetched" }))
})

/** Whether `assertion` proves that `client` is asking, now and for the first time. Spends it. */
export const proves = Effect.fn("clientAssertion.proves")(function* (client: Client, assertion: Redacted.Redacted) {
  const { issuer } = yield* ServerConfig
  const registry = yield* ClientRegistry
  const now = yield* Clock.currentTimeMillis
  const options = {
    algorithms: SIGNING_ALGORITHMS,
    issuer: client.clientId,
    subject: client.clientId,
    audience: [issuer, `${issuer}/token`],
    requiredClaims: ["exp", "jti"],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    currentDate: new Date(now)
  }
  const refuse = (reason: string) => new Unproven({ reason, keys: false })
  const verified = (renew: boolean) => Effect.flatMap(keysOf(client, renew), (keys) => verify(assertion, keys, options))

  return yield* Effect.gen(function* () {
    if (Redacted.value(assertion).length > MAX_LENGTH) return yield* refuse("it is too long")
    const { jti, exp } = yield* verified(false).pipe(
      // Keys are rotated: one that is not in our copy of the set may be in theirs.
      Effect.catchIf(
        (error) => error._tag === "Unproven" && error.keys && client.keys?._tag === "Remote",
        () => verified(true)
      )
    )
    if (exp * 1000 - now > MAX_LIFETIME_SECONDS * 1000) return yield* refuse("it lives too long")
    const isFirst = yield* registry.spendAssertion(
      client.clientId,
      createHash("sha256").update(jti).digest(),
      new Date((exp + CLOCK_TOLERANCE_SECONDS) * 1000)
    )
    return isFirst || (yield* refuse("it was used before"))
  }).pipe(
    Effect.catchTag("Unproven", ({ reason }) =>
      Effect.as(
        Effect.logInfo("client assertion refused").pipe(Effect.annotateLogs({ client_id: client.clientId, reason })),
        false
      )
    )
  )
})
