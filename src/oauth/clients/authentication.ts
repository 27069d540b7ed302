/**
 * Who is asking at the token, revocation and introspection endpoints (RFC 6749 §2.3): `none`, `client_secret_basic`,
 * `client_secret_post` or `private_key_jwt`.
 */

import { Effect, Option, Redacted, Result } from "effect"
import { InvalidClient, InvalidRequest } from "../errors.ts"
import type { Parameters } from "../parameters.ts"
import * as ClientAssertion from "./assertion.ts"
import { ClientRegistry } from "./ClientRegistry.ts"
import type { Client, TokenEndpointAuthMethod } from "./client.ts"
import * as ClientSecret from "./secret.ts"

interface Credentials {
  readonly method: TokenEndpointAuthMethod
  readonly clientId: string
  /** The secret, or the assertion. */
  readonly proof: Redacted.Redacted | undefined
}

const failed = (basic: boolean) => new InvalidClient({ description: "client authentication failed", basic })
const invalid = (description: string) => new InvalidRequest({ description })

/** RFC 6749 §2.3.1: both parts are form-encoded before they are joined, so `%3A` and `+` are decoded here. */
const formDecode = (text: string) => decodeURIComponent(text.replaceAll("+", " "))

const readBasic = (authorization: string): Option.Option<Credentials> => {
  const [, encoded = ""] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(authorization) ?? []
  const decoded = Buffer.from(encoded, "base64").toString("utf8")
  const colon = decoded.indexOf(":")
  if (colon < 1) return Option.none()
  return Result.getSuccess(
    Result.try(() => ({
      method: "client_secret_basic" as const,
      clientId: formDecode(decoded.slice(0, colon)),
      proof: Redacted.make(formDecode(decoded.slice(colon + 1)))
    }))
  )
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
  return { method: "private_key_jwt", clientId: subject, proof: assertion } satisfies Credentials
})

const readCredentials = Effect.fnUntraced(function* (parameters: Parameters, authorization: string | undefined) {
  const clientId = parameters.get("client_id")
  const secret = parameters.get("client_secret")
  const assertion = parameters.get("client_assertion")
  if ([authorization, secret, assertion].filter((proof) => proof !== undefined).length > 1) {
    return yield* invalid("two client authentication methods in one request")
  }
  if (authorization !== undefined) {
    const basic = readBasic(authorization)
    if (Option.isNone(basic)) return yield* failed(true)
    if (clientId !== undefined && clientId !== basic.value.clientId) {
      return yield* invalid("client_id differs from the authenticated client")
    }
    return basic.value
  }
  if (assertion !== undefined) return yield* readAssertion(parameters, Redacted.make(assertion))
  if (clientId === undefined) return yield* failed(false)
  return {
    method: secret === undefined ? "none" : "client_secret_post",
    clientId,
    proof: secret === undefined ? undefined : Redacted.make(secret)
  } satisfies Credentials
})

/** A client, and how it proved to be this one. */
export interface Authenticated {
  readonly client: Client
  readonly method: TokenEndpointAuthMethod
}

/** The authenticated client. Reads nothing but the client; writes nothing but the use of an assertion. */
export const authenticate = Effect.fnUntraced(function* (parameters: Parameters, authorization: string | undefined) {
  const { method, clientId, proof } = yield* readCredentials(parameters, authorization)
  const basic = method === "client_secret_basic"
  const registry = yield* ClientRegistry
  const client = yield* registry.find(clientId)
  if (client === undefined || !client.authMethods.includes(method)) return yield* failed(basic)
  const authenticated: Authenticated = { client, method }
  if (method === "none") return authenticated
  if (proof === undefined) return yield* failed(basic)
  if (method === "private_key_jwt") {
    return (yield* ClientAssertion.proves(client, proof)) ? authenticated : yield* failed(basic)
  }
  if (client.secret === undefined || !(yield* ClientSecret.verify(proof, client.secret))) return yield* failed(basic)
  return authenticated
})

/** An authenticated client that proved who it is: `none` proves nothing. */
export const authenticateConfidential = Effect.fnUntraced(function* (
  parameters: Parameters,
  authorization: string | undefined
) {
  const { method } = yield* readCredentials(parameters, authorization)
  if (method === "none") return yield* failed(false)
  return yield* authenticate(parameters, authorization)
})
