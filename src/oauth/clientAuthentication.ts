/** Who is asking at the token and revocation endpoints (RFC 6749 §2.3): none, client_secret_basic, client_secret_post. */

import { Effect, Option, Redacted, Result } from "effect"
import * as ClientSecret from "../domain/clientSecret.ts"
import { InvalidClient, InvalidRequest } from "../domain/errors.ts"
import type { TokenEndpointAuthMethod } from "../domain/model.ts"
import type { Parameters } from "../domain/parameters.ts"
import { ClientRegistry } from "../store/ClientRegistry.ts"

interface Credentials {
  readonly method: TokenEndpointAuthMethod
  readonly clientId: string
  readonly secret: Redacted.Redacted | undefined
}

const failed = (basic: boolean) => new InvalidClient({ description: "client authentication failed", basic })

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
      secret: Redacted.make(formDecode(decoded.slice(colon + 1)))
    }))
  )
}

const readCredentials = Effect.fnUntraced(function* (parameters: Parameters, authorization: string | undefined) {
  const clientId = parameters.get("client_id")
  const secret = parameters.get("client_secret")
  if (authorization !== undefined) {
    const basic = readBasic(authorization)
    if (Option.isNone(basic)) return yield* failed(true)
    if (secret !== undefined) {
      return yield* new InvalidRequest({ description: "two client authentication methods in one request" })
    }
    if (clientId !== undefined && clientId !== basic.value.clientId) {
      return yield* new InvalidRequest({ description: "client_id differs from the authenticated client" })
    }
    return basic.value
  }
  if (clientId === undefined) return yield* failed(false)
  return {
    method: secret === undefined ? "none" : "client_secret_post",
    clientId,
    secret: secret === undefined ? undefined : Redacted.make(secret)
  } satisfies Credentials
})

/** The authenticated client. Reads nothing but the client, writes nothing. */
export const authenticate = Effect.fn("clientAuthentication.authenticate")(function* (
  parameters: Parameters,
  authorization: string | undefined
) {
  const { method, clientId, secret } = yield* readCredentials(parameters, authorization)
  const basic = method === "client_secret_basic"
  const registry = yield* ClientRegistry
  const client = yield* registry.find(clientId)
  if (client === undefined || !client.authMethods.includes(method)) return yield* failed(basic)
  if (method === "none") return client
  if (secret === undefined || client.secret === undefined) return yield* failed(basic)
  if (!(yield* ClientSecret.verify(secret, client.secret))) return yield* failed(basic)
  return client
})
