/** The HTTP server: every route behind one front, on one Node server. */

import { createServer } from "node:http"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer, MutableRef } from "effect"
import { HttpRouter } from "effect/http"
import { ServerConfig } from "./config.ts"
import { AuthorizeRoutes } from "./http/authorizeRoutes.ts"
import { DiscoveryRoutes } from "./http/discoveryRoutes.ts"
import { Front } from "./http/front.ts"
import { Draining, HealthRoutes } from "./http/healthRoutes.ts"
import { RateLimits } from "./http/RateLimits.ts"
import { TokenRoutes } from "./http/tokenRoutes.ts"
import { McpRoute } from "./mcp/route.ts"

const Routes = Layer.mergeAll(DiscoveryRoutes, AuthorizeRoutes, TokenRoutes, McpRoute, HealthRoutes, Front).pipe(
  Layer.provide(RateLimits.layer)
)

/** One spelling of each path: a lenient router would let caches and allow-lists in front of us be walked around. */
const routerConfig = { caseSensitive: true, ignoreTrailingSlash: false, ignoreDuplicateSlashes: false }

const nodeServer = () => {
  const server = createServer({
    // Slow senders are cut early: Node's own defaults are a minute and five.
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    connectionsCheckingInterval: 5_000,
    keepAliveTimeout: 15_000,
    maxHeaderSize: 16 * 1024,
    // A second Authorization or Host header is joined to the first and then fits nothing, instead of being dropped.
    joinDuplicateHeaders: true,
    // The Host allow-list answers a missing Host itself.
    requireHostHeader: false
  })
  // A response that began before the shutdown leaves its connection open, and the shutdown waiting for nothing.
  server.on("request", (_, response) =>
    response.once("close", () => {
      if (!server.listening) setImmediate(() => server.closeIdleConnections())
    })
  )
  return server
}

const Listener = Layer.unwrap(
  Effect.gen(function* () {
    const { host, port } = yield* ServerConfig
    const node = NodeHttpServer.layer(nodeServer, { host, port, gracefulShutdownTimeout: "10 seconds" })
    return HttpRouter.serve(Routes, { routerConfig, disableLogger: true, disableListenLog: true }).pipe(
      Layer.provide(node)
    )
  })
)

/** Its finalizer runs before the listener's, so that requests on open connections are turned away while it drains. */
const DrainOnShutdown = Layer.effectDiscard(
  Effect.gen(function* () {
    const draining = yield* Draining
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        Effect.sync(() => MutableRef.set(draining, true)),
        Effect.logInfo("shutting down: requests in flight may finish, new ones are refused")
      )
    )
  })
)

export const Server = DrainOnShutdown.pipe(Layer.provide(Listener), Layer.provide(Draining.layer))
