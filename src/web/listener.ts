/** The one Node server that listens, and how it ends. */

import { createServer, type Server as HttpServer, ServerResponse } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Deferred, Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { isTrustedProxy } from "./clientAddress.ts"
import { capsOf, openFilesLimit, watchConnections } from "./connections.ts"
import { Draining } from "./Draining.ts"

/** One spelling of each path: a lenient router would let caches and allow-lists in front of us be walked around. */
const routerConfig = { caseSensitive: true, ignoreTrailingSlash: false, ignoreDuplicateSlashes: false }

/**
 * The adapter has Node check each answer's length, which Effect has counted; and for that Node gives up writing head, body
 * and end at once, which costs a plain call a tenth.
 */
class Response extends ServerResponse {}
Object.defineProperty(Response.prototype, "strictContentLength", { get: () => false, set: () => undefined })

const nodeServer = () =>
  createServer({
    ServerResponse: Response,
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

/**
 * Runs before the listener closes: requests in flight finish, new ones on open connections are turned away, and nobody
 * waits for connections that have nothing to say. Node itself would wait for two kinds of them: those that browsers
 * open in advance, and those whose last response ends after the close.
 */
const drainOnShutdown = Effect.fn("drainOnShutdown")(function* (
  server: HttpServer,
  connections: ReturnType<typeof watchConnections>
) {
  const draining = yield* Draining
  connections.onAnswered(() => {
    if (Deferred.isDoneUnsafe(draining)) setImmediate(() => server.closeIdleConnections())
  })
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      yield* Deferred.succeed(draining, undefined)
      for (const socket of connections.unused()) socket.destroy()
      yield* Effect.logInfo("shutting down: requests in flight may finish, new ones are refused")
    })
  )
})

/**
 * Nothing here speaks another protocol, and a client that offers one takes no for an answer (RFC 9110 §7.8). Without a
 * listener Node reads its request like any other; the adapter's leaves the body unread.
 */
const ignoreUpgrades = (server: HttpServer) => Effect.sync(() => server.removeAllListeners("upgrade"))

const TELL_EVERY_MS = 60_000

const TOLD = {
  ended: "too many idle connections of one address: the oldest are ended",
  refused: "too many connections: new ones are refused (raise the limit of open files, ulimit -n)"
}

/** Tells of connections that were ended or refused, each at most once a minute: many connections do not make many lines. */
const makeTell = Effect.gen(function* () {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const told = {
    ended: { at: Number.NEGATIVE_INFINITY, count: 0 },
    refused: { at: Number.NEGATIVE_INFINITY, count: 0 }
  }
  return (what: keyof typeof TOLD, address: string) => {
    const last = told[what]
    last.count++
    if (performance.now() - last.at < TELL_EVERY_MS) return
    run(Effect.logWarning(TOLD[what]).pipe(Effect.annotateLogs({ address, connections: last.count })))
    told[what] = { at: performance.now(), count: 0 }
  }
})

/** Serves these routes at the configured address, until the scope closes. */
export const listener = <E, R>(routes: Layer.Layer<never, E, R>) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { host, port, trustedProxies, database } = yield* ServerConfig
      const server = nodeServer()
      const caps = capsOf(openFilesLimit(), database._tag === "Postgres" ? database.poolSize : 0)
      const connections = watchConnections(
        server,
        caps,
        (address) => isTrustedProxy(trustedProxies, address),
        yield* makeTell
      )
      const address = NodeHttpServer.layer(() => server, { host, port, gracefulShutdownTimeout: "10 seconds" })
      return Layer.effectDiscard(Effect.andThen(ignoreUpgrades(server), drainOnShutdown(server, connections))).pipe(
        Layer.provide(HttpRouter.serve(routes, { routerConfig, disableLogger: true, disableListenLog: true })),
        Layer.provide(address),
        Layer.provide(Draining.layer)
      )
    })
  )
