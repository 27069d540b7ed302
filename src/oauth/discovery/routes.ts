/** The metadata at well-known paths: public, and answered without the database (RFC 8414, RFC 9728). */

import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { derived } from "../../web/derived.ts"
import { endpoint } from "../../web/endpoint.ts"
import { notFound } from "../../web/respond.ts"
import { resourceFor, resourceNames } from "../resource.ts"
import { ScopeCatalogue } from "../scope.ts"
import * as Metadata from "./metadata.ts"

const CACHE = { "cache-control": "public, max-age=300" }

export const DiscoveryRoutes = HttpRouter.use(
  Effect.fn("DiscoveryRoutes")(function* (router) {
    const config = yield* ServerConfig
    const { current } = yield* ScopeCatalogue
    const asJson = (document: object) => HttpServerResponse.jsonUnsafe(document, { headers: CACHE })

    const server = derived(current, (catalogue) => asJson(Metadata.authorizationServer(config, catalogue)))
    const provider = derived(current, (catalogue) => asJson(Metadata.openidProvider(config, catalogue)))
    const resources = derived(
      current,
      (catalogue) =>
        new Map(
          resourceNames(config).map((name) => [name, asJson(Metadata.protectedResource(config, catalogue, name))])
        )
    )
    const resource = HttpServerRequest.HttpServerRequest.useSync(
      (request) => resources().get(resourceFor(config, request) ?? config.resource) ?? notFound
    )
    const metadata = {
      "oauth-authorization-server": Effect.sync(server),
      "openid-configuration": Effect.sync(provider),
      "oauth-protected-resource": resource
    }
    for (const [name, answer] of Object.entries(metadata)) {
      const known = `/.well-known/${name}` as const
      // At the root, with the path inserted (RFC 8414 §3.1, RFC 9728 §3.1), and with it in front, as some clients ask.
      for (const path of [known, `${known}/mcp`, `${known}/mcp/`, `/mcp${known}`] as const) {
        yield* endpoint(router, path, { GET: answer }, { cors: "*" })
      }
    }
    if (config.openaiAppsChallenge !== undefined) {
      // https://developers.openai.com/apps-sdk: the token alone proves to OpenAI whose domain this is.
      const challenge = HttpServerResponse.text(config.openaiAppsChallenge)
      yield* endpoint(router, "/.well-known/openai-apps-challenge", { GET: Effect.succeed(challenge) })
    }
  })
)
