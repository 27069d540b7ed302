/** Token introspection (RFC 7662). */

import { Effect } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import type { Client } from "../clients/client.ts"
import { type Parameters, requiredSecret } from "../parameters.ts"
import * as Scope from "../scope.ts"
import * as OpaqueToken from "../tokens/opaqueToken.ts"
import { ServerKeys } from "../tokens/ServerKeys.ts"
import { TokenStore } from "./TokenStore.ts"

const INACTIVE = { active: false } as const

const seconds = (date: Date) => Math.floor(date.getTime() / 1000)

/**
 * What a token stands for, to the client that holds it. A token that is unknown, ended, or another client's is
 * inactive, and nothing more is said of it (§2.2).
 */
export const introspect = Effect.fn("introspect")(function* (client: Client, parameters: Parameters) {
  const presented = yield* requiredSecret(parameters, "token")
  const { byId } = yield* ServerKeys
  const config = yield* ServerConfig
  const store = yield* TokenStore
  const access = OpaqueToken.read("access", byId, presented)
  const token = access ?? OpaqueToken.read("refresh", byId, presented)
  if (token === undefined) return INACTIVE
  const facts = yield* store.inspect(token, access === undefined ? "refresh" : "access")
  if (facts === undefined || facts.clientId !== client.clientId) return INACTIVE
  return {
    active: true,
    token_type: access === undefined ? "refresh_token" : "Bearer",
    scope: Scope.format(facts.scopes),
    client_id: facts.clientId,
    sub: facts.subject,
    iss: config.issuer,
    aud: facts.resource,
    iat: seconds(facts.issuedAt),
    exp: seconds(facts.expiresAt)
  } as const
})
