/** Grants without HTTP: codes and tokens straight from the protocol. */

import { randomBytes, randomUUID } from "node:crypto"
import { Effect, Redacted } from "effect"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import type { Client } from "../../src/oauth/clients/client.ts"
import { TokenStore } from "../../src/oauth/grants/TokenStore.ts"
import { grant } from "../../src/oauth/grants/token.ts"
import * as Pkce from "../../src/oauth/pkce.ts"
import { catalogueOf, ScopeCatalogue } from "../../src/oauth/scope.ts"
import * as OpaqueToken from "../../src/oauth/tokens/opaqueToken.ts"
import { ServerKeys } from "../../src/oauth/tokens/ServerKeys.ts"

const CATALOGUE = catalogueOf([])

export const REDIRECT_URI = "http://127.0.0.1/callback"

export const publicClient = (clientId: string): Client => ({
  clientId,
  name: clientId,
  redirectUris: [REDIRECT_URI],
  grantTypes: ["authorization_code", "refresh_token"],
  authMethods: ["none"],
  secret: undefined,
  disabled: false,
  origin: "configured",
  keys: undefined
})

/** The token request of a freshly approved code. */
export const newCode = Effect.fn("test.newCode")(function* (
  clientId: string,
  subject = "somebody",
  scopes: ReadonlyArray<string> = ["mcp.tools.call"]
) {
  const { resource } = yield* ServerConfig
  const store = yield* TokenStore
  const keys = yield* ServerKeys
  const id = randomUUID()
  const verifier = randomBytes(32).toString("base64url")
  const code = OpaqueToken.mint("code", keys.signing(), id, 0)
  const form = { id, lifetimeSeconds: 600, secret: undefined }
  const bound = {
    ...code,
    clientId,
    subject,
    scopes,
    resource,
    redirectUri: REDIRECT_URI,
    codeChallenge: Pkce.challengeOf(verifier)
  }
  yield* store.issueCode(form, bound, Effect.void)
  return new Map([
    ["grant_type", "authorization_code"],
    ["code", Redacted.value(code.secret)],
    ["code_verifier", verifier]
  ])
})

/** A public client, as the token endpoint has authenticated it. */
export const presenter = (clientId: string) => ({ clientId, method: "none", address: "192.0.2.1" }) as const

/** What the token endpoint does; the answer counts as given when the scope closes. */
export const granted = (clientId: string, parameters: ReadonlyMap<string, string>) =>
  grant(publicClient(clientId), parameters, presenter(clientId)).pipe(
    Effect.provideService(ScopeCatalogue, { current: () => CATALOGUE })
  )

/** The answer, which counts as given, or `undefined` for `invalid_grant`; anything else is a defect. */
export const tokens = (clientId: string, parameters: ReadonlyMap<string, string>) =>
  granted(clientId, parameters).pipe(
    Effect.scoped,
    Effect.catchTag("invalid_grant", () => Effect.succeed(undefined)),
    Effect.orDie
  )

export const refreshRequest = (refreshToken: string) =>
  new Map([
    ["grant_type", "refresh_token"],
    ["refresh_token", refreshToken]
  ])
