/** The gate of `/mcp`: bearer token to principal, or a challenge (RFC 6750, RFC 9728 §5.1). */

import { Effect, Redacted } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import type { StoreUnavailable } from "../../database/query.ts"
import { type BearerError, InsufficientScope, InvalidToken, MissingToken } from "../errors.ts"
import { metadataOf } from "../resource.ts"
import * as Scope from "../scope.ts"
import { AccessTokens, type Principal } from "./AccessTokens.ts"
import * as OpaqueToken from "./opaqueToken.ts"
import { ServerKeys } from "./ServerKeys.ts"

// Made once: an error collects its stack when it is made.
const missingToken = new MissingToken()
const invalidToken = new InvalidToken({ description: "the access token is unknown, expired, revoked or not for here" })

/** The principal of an `Authorization` header. */
export type Authenticate = (
  authorization: string | undefined
) => Effect.Effect<Principal, MissingToken | InvalidToken | StoreUnavailable>

/**
 * Makes what tells the principal of an `Authorization` header. Only the header counts: never a query or form parameter.
 *
 * Made once and closed over its services: providing them to every request would copy the whole context each time.
 */
export const makeAuthenticate = Effect.fnUntraced(function* () {
  const keys = yield* ServerKeys
  const tokens = yield* AccessTokens
  const { resource } = yield* ServerConfig

  const lookUp = Effect.fn("bearer.lookUp")(function* (presented: Redacted.Redacted) {
    const token = OpaqueToken.read("access", keys.byId, presented)
    return token && (yield* tokens.find(token))
  })

  const judge = (principal: Principal | undefined) =>
    principal?.resource === resource ? Effect.succeed(principal) : Effect.fail(invalidToken)

  // Most calls find their token in memory: for them this is one step, and no generator.
  const authenticate: Authenticate = (authorization) => {
    // RFC 9110 §11.1: the scheme is case-insensitive.
    const credentials = /^bearer(?: +(.*))?$/i.exec(authorization ?? "")
    if (credentials === null) return Effect.fail(missingToken)
    const presented = credentials[1] ?? ""
    return Effect.clockWith((clock) => {
      // Found by its fingerprint, a token needs no second look at its tag.
      const principal = tokens.recall(OpaqueToken.fingerprint(presented), clock.currentTimeMillisUnsafe())
      return principal === undefined ? Effect.flatMap(lookUp(Redacted.make(presented)), judge) : judge(principal)
    })
  }
  return authenticate
})

/** What to answer when not all of `needed` was granted. */
export const insufficient = (
  granted: ReadonlyArray<string>,
  needed: ReadonlyArray<string>
): InsufficientScope | undefined => {
  if (needed.every((scope) => granted.includes(scope))) return undefined
  const missing = Scope.format(needed.filter((scope) => !granted.includes(scope)))
  // Clients of the first SDK ask for exactly this, so it repeats what they have.
  const scopes = [...new Set([...granted, ...needed])].filter((scope) => scope !== Scope.OFFLINE_ACCESS.name)
  return new InsufficientScope({
    description: `the access token lacks what this operation needs: ${missing}`,
    scope: Scope.format(scopes),
    missing
  })
}

/**
 * The `WWW-Authenticate` value, for a resource by the name that the caller knows. It asks for all that the tools need
 * unless one is called already, and names an error only when a token was sent (RFC 6750 §3.1).
 */
export const challenge = (resource: string, catalogue: Scope.Catalogue, error: BearerError): string => {
  const scope = error._tag === "insufficient_scope" ? error.scope : Scope.format(Scope.defaultScopes(catalogue))
  const attributes = [
    ["resource_metadata", metadataOf(resource)],
    ["scope", scope],
    ...(error._tag === "missing_token"
      ? []
      : [
          ["error", error._tag],
          ["error_description", error.description]
        ])
  ]
  return `Bearer ${attributes.map(([name, value]) => `${name}="${value}"`).join(", ")}`
}
