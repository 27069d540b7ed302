/** The well-known documents: public, fixed at start, answered without the database (RFC 8414, RFC 9728). */

import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { endpoint } from "../../web/endpoint.ts"
import { ScopeCatalogue } from "../ScopeCatalogue.ts"
import * as Metadata from "./metadata.ts"

const CACHE = { "cache-control": "public, max-age=300" }

export const DiscoveryRoutes = HttpRouter.use(
  Effect.fn("DiscoveryRoutes")(function* (router) {
    const config = yield* ServerConfig
    const catalogue = yield* ScopeCatalogue
    const documentOf = (body: unknown) => HttpServerResponse.jsonUnsafe(body, { headers: CACHE })
    const documents = {
      "oauth-authorization-server": documentOf(Metadata.authorizationServer(config, catalogue)),
      "openid-configuration": documentOf(Metadata.authorizationServer(config, catalogue)),
      "oauth-protected-resource": documentOf(Metadata.protectedResource(config, catalogue))
    }
    for (const [name, document] of Object.entries(documents)) {
      // At the root, with the path inserted (RFC 8414 §3.1, RFC 9728 §3.1), and with it in front, as some clients ask.
      for (const path of [`/.well-known/${name}`, `/.well-known/${name}/mcp`, `/mcp/.well-known/${name}`] as const) {
        yield* endpoint(router, path, { GET: Effect.succeed(document) }, { cors: "*" })
      }
    }
    if (config.openaiAppsChallenge !== undefined) {
      // https://developers.openai.com/apps-sdk: the token alone proves to OpenAI whose domain this is.
      const challenge = HttpServerResponse.text(config.openaiAppsChallenge)
      yield* endpoint(router, "/.well-known/openai-apps-challenge", { GET: Effect.succeed(challenge) })
    }
  })
)
