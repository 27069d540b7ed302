/**
 * Who is asking at the token, revocation and introspection endpoints (RFC 6749 §2.3): `none`, `client_secret_basic`,
 * `client_secret_post` or `private_key_jwt`.
 */

import { Effect, Redacted, Result } from "effect"
import { callerAddress } from "../../web/clientAddress.ts"
import { InvalidClient, InvalidRequest } from "../errors.ts"
import type { Parameters } from "../parameters.ts"
import * as ClientAssertion from "./assertion.ts"
import { ClientRegistry } from "./ClientRegistry.ts"
import type { Client, TokenEndpointAuthMethod } from "./client.ts"
import * as ClientSecret from "./secret.ts"

/** Who one claims to be, and the secret or the assertion that should prove it. */
interface Claim {
  readonly clientId: string
  readonly proof: Redacted.Redacted | undefined
}

interface Credentials {
  readonly method: TokenEndpointAuthMethod
  /** What was sent, in every way that it may be read: the first that is proven holds. */
  readonly claims: ReadonlyArray<Claim>
}

const failed = (basic: boolean) => new InvalidClient({ description: "client authentication failed", basic })
const invalid = (description: string) => new InvalidRequest({ description })

const formDecode = (text: string) => decodeURIComponent(text.replaceAll("+", " "))

/**
 * RFC 6749 §2.3.1: both parts are form-encoded before they are joined, so `%3A` and `+` are decoded here. Many clients
 * join them as they are, so what does not decode, or proves nothing so, is read as it stands.
 */
const readBasic = (authorization: string): ReadonlyArray<Claim> => {
  const [, encoded = ""] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(authorization) ?? []
  const text = Buffer.from(encoded, "base64").toString("utf8")
  const colon = text.indexOf(":")
  if (colon < 1) return []
  const [id, secret] = [text.slice(0, colon), text.slice(colon + 1)]
  // An empty secret is none, as an empty parameter is (RFC 6749 §3.2): how libraries write a public client.
  const claim = (clientId: string, proof: string) => ({
    clientId,
    proof: proof === "" ? undefined : Redacted.make(proof)
  })
  const raw = claim(id, secret)
  if (!/[%+]/.test(text)) return [raw]
  const decoded = Result.try(() => claim(formDecode(id), formDecode(secret)))
  return Result.isSuccess(decoded) ? [decoded.success, raw] : [raw]
}

/** RFC 7521 §4.2: the assertion says who it is from, so `client_id` may be left out, but must not differ. */
const readAssertion = Effect.fnUntraced(function* (parameters: Parameters, assertion: Redacted.Redacted) {
  if (parameters.get("client_assertion_type") !== ClientAssertion.ASSERTION_TYPE) {
    return yield* invalid("client_assertion_type is not jwt-bearer")
  }
  const subject = yield* ClientAssertion.subjectOf(assertion)
  if (subject === undefined) return yield* failed(false)
  if ((parameters.get("client_id") ?? subject) !== subject) {
    return yield* invalid("client_id differs from the client of the assertion")
  }
  return { method: "private_key_jwt", claims: [{ clientId: subject, proof: assertion }] } satisfies Credentials
})

const readCredentials = Effect.fnUntraced(function* (parameters: Parameters, authorization: string | undefined) {
  const clientId = parameters.get("client_id")
  const secret = parameters.get("client_secret")
  const assertion = parameters.get("client_assertion")
  if ([authorization, secret, assertion].filter((proof) => proof !== undefined).length > 1) {
    return yield* invalid("two client authentication methods in one request")
  }
  if (authorization !== undefined) {
    const claims = readBasic(authorization)
    if (claims.length === 0) return yield* failed(true)
    const fitting = claims.filter((claim) => (clientId ?? claim.clientId) === claim.clientId)
    if (fitting.length === 0) return yield* invalid("client_id differs from the authenticated client")
    return { method: "client_secret_basic", claims: fitting } satisfies Credentials
  }
  if (assertion !== undefined) return yield* readAssertion(parameters, Redacted.make(assertion))
  if (clientId === undefined) return yield* failed(false)
  return {
    method: secret === undefined ? "none" : "client_secret_post",
    claims: [{ clientId, proof: secret === undefined ? undefined : Redacted.make(secret) }]
  } satisfies Credentials
})

/** A client, and how it proved to be this one. */
export interface Authenticated {
  readonly client: Client
  readonly method: TokenEndpointAuthMethod
}

/** The client, if this proves that it is asking by a method of its own; and by which. */
const prove = Effect.fnUntraced(function* (sent: TokenEndpointAuthMethod, { clientId, proof }: Claim) {
  const registry = yield* ClientRegistry
  const client = yield* registry.find(clientId)
  const method = proof === undefined ? "none" : sent
  if (client === undefined || !client.authMethods.includes(method)) return undefined
  if (proof === undefined) return { client, method }
  const isProven =
    method === "private_key_jwt"
      ? yield* ClientAssertion.proves(client, proof)
      : client.secret !== undefined && (yield* ClientSecret.verifyFor(callerAddress, proof, client.secret))
  return isProven ? { client, method } : undefined
})

/** The authenticated client. Reads nothing but the client; writes nothing but the use of an assertion. */
export const authenticate = Effect.fnUntraced(function* (parameters: Parameters, authorization: string | undefined) {
  const { method, claims } = yield* readCredentials(parameters, authorization)
  for (const claim of claims) {
    const proven = yield* prove(method, claim)
    if (proven !== undefined) return proven satisfies Authenticated
  }
  return yield* failed(method === "client_secret_basic")
})

/** An authenticated client that proved who it is: `none` proves nothing. */
export const authenticateConfidential = Effect.fnUntraced(function* (
  parameters: Parameters,
  authorization: string | undefined
) {
  const proven = yield* authenticate(parameters, authorization)
  return proven.method === "none" ? yield* failed(authorization !== undefined) : proven
})
