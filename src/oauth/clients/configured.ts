/** Clients that the operator registers: by `AUTO_SEED_*` at every start, and by `npm run client:add`. */

import { Effect, Layer, type Redacted } from "effect"
import { ConfigInvalid, ServerConfig } from "../../config/ServerConfig.ts"
import { ClientRegistry } from "./ClientRegistry.ts"
import { cleanName } from "./metadata.ts"
import * as RedirectUri from "./redirectUri.ts"
import * as ClientSecret from "./secret.ts"

export interface ConfiguredClient {
  readonly id: string
  readonly name: string
  /** Absent for a public client. */
  readonly secret: Redacted.Redacted | undefined
  readonly redirectUris: ReadonlyArray<string>
  /** Where a person may be sent who signed out of it (OpenID Connect RP-Initiated Logout §3.1). */
  readonly postLogoutRedirectUris?: ReadonlyArray<string>
}

/** Why redirect URIs may not be registered: of each that may not, its place in the list and the reason. */
export const refusals = Effect.fnUntraced(function* (redirectUris: ReadonlyArray<string>) {
  const { registration } = yield* ServerConfig
  return redirectUris.flatMap((uri, index) => {
    const reason = RedirectUri.refusal(uri, registration.redirectSchemes)
    return reason === undefined ? [] : [{ uri, index, reason }]
  })
})

/** Registers a client, or brings it up to date. Its sessions go on, and so does the hash of a secret that is the same. */
export const configure = Effect.fn("configureClient")(function* ({
  id,
  name,
  secret,
  redirectUris,
  postLogoutRedirectUris = []
}: ConfiguredClient) {
  const registry = yield* ClientRegistry
  const known = secret && (yield* registry.find(id))?.secret
  const isSame = secret !== undefined && known !== undefined && (yield* ClientSecret.verify(secret, known))
  const stored = isSame ? known : secret && (yield* ClientSecret.hash(secret))
  yield* registry.save({
    clientId: id,
    name: cleanName(name),
    redirectUris,
    origin: "configured",
    keys: undefined,
    grantTypes: ["authorization_code", "refresh_token"],
    authMethods: stored === undefined ? ["none"] : ["client_secret_basic", "client_secret_post"],
    secret: stored,
    ...(postLogoutRedirectUris.length > 0 && { openid: { idTokenAlg: "RS256", postLogoutRedirectUris } }),
    disabled: false
  })
  yield* Effect.logDebug("client registered").pipe(Effect.annotateLogs({ client_id: id }))
})

/** The client that the configuration names is there before the first request, so that a fresh database has one. */
export const SeedClient = Layer.effectDiscard(
  Effect.gen(function* () {
    const { seedClient } = yield* ServerConfig
    if (seedClient === undefined) return
    const problems = (yield* refusals(seedClient.redirectUris)).map(
      ({ index, reason }) => `AUTO_SEED_REDIRECT_URIS: entry ${index + 1} ${reason}`
    )
    if (problems.length > 0) return yield* new ConfigInvalid({ problems })
    yield* configure(seedClient)
  })
)
