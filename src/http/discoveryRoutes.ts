/** The well-known documents: public, fixed at start, answered without the database (RFC 8414, RFC 9728). */

import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import * as Metadata from "../oauth/metadata.ts"
import { endpoint } from "./endpoint.ts"

const CACHE = { "cache-control": "public, max-age=300" }

export const DiscoveryRoutes = HttpRouter.use(
  Effect.fn("DiscoveryRoutes")(function* (router) {
    const config = yield* ServerConfig
    const authorizationServer = HttpServerResponse.jsonUnsafe(Metadata.authorizationServer(config), { headers: CACHE })
    const protectedResource = HttpServerResponse.jsonUnsafe(Metadata.protectedResource(config), { headers: CACHE })
    const documents = [
      ["/.well-known/oauth-authorization-server", authorizationServer],
      ["/.well-known/openid-configuration", authorizationServer],
      ["/.well-known/oauth-protected-resource", protectedResource],
      ["/.well-known/oauth-protected-resource/mcp", protectedResource]
    ] as const
    for (const [path, document] of documents) {
      yield* endpoint(router, path, { GET: Effect.succeed(document) }, { cors: "*" })
    }
  })
)
