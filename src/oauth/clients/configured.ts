/** Registers the client that the configuration names, so that a fresh database has one. */

import { Effect, Layer } from "effect"
import { ConfigInvalid, ServerConfig } from "../../config/ServerConfig.ts"
import { ClientRegistry } from "./ClientRegistry.ts"
import type { Client } from "./client.ts"
import * as RedirectUri from "./redirectUri.ts"
import * as ClientSecret from "./secret.ts"

/** Idempotent: a seeded client is brought up to date, its sessions go on. */
export const seedClient = Effect.fn("seedClient")(function* () {
  const { seedClient: seed, registration } = yield* ServerConfig
  if (seed === undefined) return
  const problems = seed.redirectUris.flatMap((uri, index) => {
    const refusal = RedirectUri.refusal(uri, registration.redirectSchemes)
    return refusal === undefined ? [] : [`AUTO_SEED_REDIRECT_URIS: entry ${index + 1} ${refusal}`]
  })
  if (problems.length > 0) return yield* new ConfigInvalid({ problems })

  const registry = yield* ClientRegistry
  const known = yield* registry.find(seed.id)
  const unchanged =
    seed.secret !== undefined && known?.secret !== undefined && (yield* ClientSecret.verify(seed.secret, known.secret))
  const secret =
    seed.secret === undefined ? undefined : unchanged ? known.secret : yield* ClientSecret.hash(seed.secret)
  yield* registry.save({
    clientId: seed.id,
    name: seed.name,
    redirectUris: seed.redirectUris,
    origin: "configured",
    keys: undefined,
    grantTypes: ["authorization_code", "refresh_token"],
    authMethods: secret === undefined ? ["none"] : ["client_secret_basic", "client_secret_post"],
    secret,
    disabled: false
  } satisfies Client)
  yield* Effect.logDebug("client registered").pipe(Effect.annotateLogs({ client_id: seed.id }))
})

export const SeedClient = Layer.effectDiscard(seedClient())
