/** Dynamic client registration (RFC 7591) and its management by the client (RFC 7592). */

import { createHash, randomBytes } from "node:crypto"
import { Effect, Redacted } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { callerAddress } from "../../web/clientAddress.ts"
import { InvalidClientMetadata, InvalidToken } from "../errors.ts"
import { ClientRegistry } from "./ClientRegistry.ts"
import { AUTH_METHODS, type Client, type SecretHash, usesSecret } from "./client.ts"
import * as ClientMetadata from "./metadata.ts"
import * as ClientSecret from "./secret.ts"

const random = (prefix: string, bytes: number) => prefix + randomBytes(bytes).toString("base64url")
const digest = (token: Redacted.Redacted) => createHash("sha256").update(Redacted.value(token)).digest()

const effective = Effect.fnUntraced(function* (said: unknown) {
  const { registration } = yield* ServerConfig
  const { leftOut, ...effective } = yield* Effect.fromResult(
    ClientMetadata.effective(said, {
      schemes: registration.redirectSchemes,
      authMethods: AUTH_METHODS,
      // RFC 7591 §2; who does not say how it will prove its secret may do it either way.
      defaultMethods: ["client_secret_basic", "client_secret_post"]
    })
  )
  if (leftOut.length > 0) {
    yield* Effect.logInfo("redirect URIs left out of a registration").pipe(
      Effect.annotateLogs({
        client_name: effective.metadata.client_name,
        left_out: leftOut.map((uri) => uri.slice(0, 200))
      })
    )
  }
  return effective
})

const needsSecret = ({ token_endpoint_auth_method: method }: ClientMetadata.EffectiveMetadata) => usesSecret(method)

const newSecret = Effect.gen(function* () {
  const secret = ClientSecret.generate()
  return { secret, stored: yield* ClientSecret.hash(secret) }
})

/** RFC 7591 §3.2.1 and RFC 7592 §3. Members that are not there are left out, since clients stumble over nulls. */
const information = (
  issuer: string,
  client: {
    readonly clientId: string
    readonly issuedAt: Date
    readonly registrationToken: Redacted.Redacted
    readonly secret?: Redacted.Redacted
  },
  metadata: Readonly<Record<string, unknown>>
) => ({
  client_id: client.clientId,
  client_id_issued_at: Math.floor(client.issuedAt.getTime() / 1000),
  ...(client.secret && { client_secret: Redacted.value(client.secret), client_secret_expires_at: 0 }),
  registration_client_uri: `${issuer}/register/${encodeURIComponent(client.clientId)}`,
  registration_access_token: Redacted.value(client.registrationToken),
  ...metadata
})

/** Registers whoever asks (§3.1). What the caller says of its own id or secret is not listened to. */
export const register = Effect.fn("register")(function* (said: unknown) {
  const { issuer } = yield* ServerConfig
  const { metadata, authMethods } = yield* effective(said)
  const clientId = random("mcp_client_", 16)
  const registrationToken = Redacted.make(random("mcp_reg_", 32))
  const secret = needsSecret(metadata) ? yield* newSecret : undefined
  const client: Client = {
    ...ClientMetadata.toClient(clientId, "dynamic", metadata, authMethods),
    secret: secret?.stored
  }
  const registry = yield* ClientRegistry
  const issuedAt = yield* registry.register(client, metadata, digest(registrationToken))
  const issued = { clientId, issuedAt, registrationToken, ...(secret && { secret: secret.secret }) }
  return information(issuer, issued, { ...metadata })
})

const invalidToken = new InvalidToken({ description: "the registration access token is not for this client" })

const authorized = Effect.fnUntraced(function* (clientId: string, registrationToken: Redacted.Redacted) {
  const registry = yield* ClientRegistry
  const found = yield* registry.findRegistration(clientId, digest(registrationToken))
  return found ?? (yield* invalidToken)
})

/** RFC 7592 §2.1. The secret is not known any more: only its hash is. */
export const read = Effect.fn("register.read")(function* (clientId: string, registrationToken: Redacted.Redacted) {
  const { issuer } = yield* ServerConfig
  const { metadata, issuedAt } = yield* authorized(clientId, registrationToken)
  return information(issuer, { clientId, issuedAt, registrationToken }, metadata)
})

/** RFC 7592 §2.2: replaces all that was said before; what is left out is back at its default. */
export const update = Effect.fn("register.update")(function* (
  clientId: string,
  registrationToken: Redacted.Redacted,
  said: unknown
) {
  const { issuer } = yield* ServerConfig
  const { client, issuedAt } = yield* authorized(clientId, registrationToken)
  const given: Readonly<Record<string, unknown>> = Object(said)
  if (given.client_id !== clientId) return yield* new InvalidClientMetadata({ description: "client_id differs" })
  yield* sameSecret(client.secret, given.client_secret)
  const { metadata, authMethods } = yield* effective(said)
  const fresh = needsSecret(metadata) && client.secret === undefined ? yield* newSecret : undefined
  const kept = needsSecret(metadata) ? (fresh?.stored ?? client.secret) : undefined
  const registry = yield* ClientRegistry
  yield* registry.update(
    { ...ClientMetadata.toClient(clientId, "dynamic", metadata, authMethods), secret: kept },
    metadata
  )
  const issued = { clientId, issuedAt, registrationToken, ...(fresh && { secret: fresh.secret }) }
  return information(issuer, issued, { ...metadata })
})

/** A client must not choose its own secret (RFC 7592 §2.2). */
const sameSecret = Effect.fnUntraced(function* (stored: SecretHash | undefined, given: unknown) {
  // Absent as clients in the field write it.
  if (given === undefined || given === null || given === "") return
  const isSame =
    typeof given === "string" &&
    stored !== undefined &&
    (yield* ClientSecret.verifyFor(callerAddress, Redacted.make(given), stored))
  if (!isSame) return yield* new InvalidClientMetadata({ description: "client_secret differs" })
})

/** RFC 7592 §2.3: the client with all its grants; its id is remembered. */
export const remove = Effect.fn("register.remove")(function* (clientId: string, registrationToken: Redacted.Redacted) {
  yield* authorized(clientId, registrationToken)
  const registry = yield* ClientRegistry
  yield* registry.remove(clientId, "deleted by itself")
})
