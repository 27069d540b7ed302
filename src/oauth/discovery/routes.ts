/** The metadata at well-known paths: public, and answered without the database (RFC 8414, RFC 9728). */

import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { derived } from "../../web/derived.ts"
import { endpoint } from "../../web/endpoint.ts"
import { ScopeCatalogue } from "../scope.ts"
import * as Metadata from "./metadata.ts"

const CACHE = { "cache-control": "public, max-age=300" }

export const DiscoveryRoutes = HttpRouter.use(
  Effect.fn("DiscoveryRoutes")(function* (router) {
    const config = yield* ServerConfig
    const { current } = yield* ScopeCatalogue
    const metadata = {
      "oauth-authorization-server": Metadata.authorizationServer,
      "openid-configuration": Metadata.authorizationServer,
      "oauth-protected-resource": Metadata.protectedResource
    }
    for (const [name, describe] of Object.entries(metadata)) {
      const answer = derived(current, (catalogue) =>
        HttpServerResponse.jsonUnsafe(describe(config, catalogue), { headers: CACHE })
      )
      // At the root, with the path inserted (RFC 8414 §3.1, RFC 9728 §3.1), and with it in front, as some clients ask.
      for (const path of [`/.well-known/${name}`, `/.well-known/${name}/mcp`, `/mcp/.well-known/${name}`] as const) {
        yield* endpoint(router, path, { GET: Effect.sync(answer) }, { cors: "*" })
      }
    }
    if (config.openaiAppsChallenge !== undefined) {
      // https://developers.openai.com/apps-sdk: the token alone proves to OpenAI whose domain this is.
      const challenge = HttpServerResponse.text(config.openaiAppsChallenge)
      yield* endpoint(router, "/.well-known/openai-apps-challenge", { GET: Effect.succeed(challenge) })
    }
  })
)
