/** The one Node server that listens, and how it ends. */

import { Server as HttpServer, type IncomingMessage, ServerResponse } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Deferred, Effect, Layer } from "effect"
import { HttpRouter } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { overloadRefused } from "../telemetry/counts.ts"
import { makeAdmission } from "./admission.ts"
import { isTrustedProxy } from "./clientAddress.ts"
import { type Connections, capsOf, openFilesLimit, watchConnections } from "./connections.ts"
import { Draining } from "./Draining.ts"
import { turnAway } from "./turnAway.ts"

/** One spelling of each path: a lenient router would let caches and allow-lists in front of us be walked around. */
const routerConfig = { caseSensitive: true, ignoreTrailingSlash: false, ignoreDuplicateSlashes: false }

/**
 * The adapter has Node check each answer's length, which Effect has counted; and for that Node gives up writing head, body
 * and end at once, which costs a plain call a tenth.
 */
class Response extends ServerResponse {}
Object.defineProperty(Response.prototype, "strictContentLength", { get: () => false, set: () => undefined })

/** Requests come to the door before they come to anybody else. */
class Server extends HttpServer<typeof IncomingMessage, typeof Response> {
  door: ((request: IncomingMessage, response: ServerResponse, begin: () => void) => void) | undefined

  override emit(event: string, ...values: ReadonlyArray<unknown>): boolean {
    // The overloads of the types name each event apart.
    const emit = super.emit as (event: string, ...values: ReadonlyArray<unknown>) => boolean
    if (this.door === undefined || (event !== "request" && event !== "checkContinue")) {
      return emit.call(this, event, ...values)
    }
    // What Node hands to the listeners of these two.
    const [request, response] = values as readonly [IncomingMessage, ServerResponse]
    this.door(request, response, () => void emit.call(this, event, request, response))
    return true
  }
}

const nodeServer = () =>
  new Server({
    ServerResponse: Response,
    // Slow senders are cut early: Node's own defaults are a minute and five.
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    connectionsCheckingInterval: 5_000,
    // Longer than proxies keep them, who would else send a request to a connection that is just being closed (docs/deploy.md).
    keepAliveTimeout: 75_000,
    maxHeaderSize: 16 * 1024,
    // A second Authorization or Host header is joined to the first and then fits nothing, instead of being dropped.
    joinDuplicateHeaders: true,
    // The Host allow-list answers a missing Host itself.
    requireHostHeader: false
  })

/**
 * How many connections may wait to be accepted: as many as Linux allows. Of Node's own 511 the rest of a crowd is dropped without a
 * word, and is heard when it tries again, seconds later.
 */
const BACKLOG = 4096

/** To a connection that is open a request may be on its way, which nobody would answer once it is closed. */
const LINGER_MS = 250

/** Once round the loop: whatever has come by now is read, which a timer that is late does not wait for. */
const aTurn = Effect.callback<void>((resume) => void setImmediate(() => setImmediate(() => resume(Effect.void))))

/**
 * Runs before the listener closes: whoever watches `/readyz` is told, and whoever talks to us hears with the next answer that it was
 * the last of this connection. Then nobody waits for connections that have nothing to say. Node itself would wait for two
 * kinds of them: those that browsers open in advance, and those whose last response ends after the close.
 */
const drainOnShutdown = Effect.fn("drainOnShutdown")(function* (server: HttpServer, connections: Connections) {
  const draining = yield* Draining
  let isWaitedFor = true
  connections.onAnswered(() => {
    if (!isWaitedFor) setImmediate(() => server.closeIdleConnections())
  })
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      yield* Deferred.succeed(draining.begun, undefined)
      yield* Effect.logInfo("shutting down: what is asked is answered, and connections end with their answer")
      yield* draining.told
      if (connections.isAny()) yield* Effect.andThen(Effect.sleep(LINGER_MS), aTurn)
      isWaitedFor = false
      // The last that were let in have their time too.
      setTimeout(() => {
        for (const socket of connections.unused()) socket.destroy()
      }, LINGER_MS)
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

/** One line when refusing begins, and one when it is over. */
const keepDoor = Effect.fn("listener.keepDoor")(function* (
  server: Server,
  connections: Connections,
  queueMs: (now: number) => number
) {
  const { maxDelayMs } = yield* ServerConfig
  const draining = yield* Draining
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const { ask, accepted, counts } = makeAdmission({
    mostMs: maxDelayMs,
    queueMs,
    onBegin: (facts) =>
      run(
        Effect.annotateLogs(
          Effect.logWarning("more is asked than can be answered in time: requests are refused"),
          facts
        )
      ),
    onEnd: (facts) => run(Effect.annotateLogs(Effect.logInfo("requests are let in again"), facts))
  })
  const refused = overloadRefused.of("event_loop")
  server.on("connection", accepted)
  server.door = (request, response, begin) => {
    connections.came(request, response)
    const [path = ""] = (request.url ?? "").split("?", 1)
    ask(path, {
      begin,
      refuse: () => {
        refused.value++
        turnAway(request, response, counts.refused, draining.isBegun())
      },
      isGone: () => response.destroyed
    })
  }
})

/**
 * Serves these routes at the configured address, until the scope closes. `queueMs` is how long who comes now waits for what
 * the routes stand on.
 */
export const listener = <E, R>(routes: Layer.Layer<never, E, R>, queueMs: (now: number) => number = () => 0) =>
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
      const address = NodeHttpServer.layer(() => server, {
        host,
        port,
        backlog: BACKLOG,
        gracefulShutdownTimeout: "10 seconds"
      })
      return Layer.effectDiscard(
        Effect.all([
          ignoreUpgrades(server),
          keepDoor(server, connections, queueMs),
          drainOnShutdown(server, connections)
        ])
      ).pipe(
        Layer.provide(HttpRouter.serve(routes, { routerConfig, disableLogger: true, disableListenLog: true })),
        Layer.provide(address),
        Layer.provide(Draining.layer)
      )
    })
  )
