/** `/metrics`, on a listener of its own: who may read it is a matter of the network, and nothing of it is at the public port. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Effect, Layer, Schema } from "effect"
import { isLoopback } from "../config/environment.ts"
import { ServerConfig } from "../config/ServerConfig.ts"
import { FAMILIES } from "./counts.ts"
import { CONTENT_TYPE, exposition } from "./exposition.ts"
import type { Snapshot } from "./series.ts"

/** The port is taken, or is none that this user may listen at. */
export class MetricsUnheard extends Schema.TaggedError<MetricsUnheard>()("MetricsUnheard", { why: Schema.String }) {
  override get message() {
    return `/metrics cannot be served: ${this.why}`
  }
}

const MOST_CONNECTIONS = 32

const hostOf = (header: string | undefined) => (header ?? "").replace(/:\d+$/, "")

/** Serves what `scraped` answers, where the configuration says where. */
export const metricsListener = (scraped: Effect.Effect<Snapshot>): Layer.Layer<never, MetricsUnheard, ServerConfig> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { metrics } = yield* ServerConfig
      if (metrics === undefined) return
      const run = Effect.runForkWith(yield* Effect.context<never>())
      const isLocal = isLoopback(metrics.host)

      const answer = (request: IncomingMessage, response: ServerResponse) => {
        const refuse = (status: number) => response.writeHead(status, { "content-length": "0" }).end()
        // A page in a browser of this computer could come here under a name of its own.
        if (isLocal && !isLoopback(hostOf(request.headers.host))) return refuse(403)
        if (request.url !== "/metrics") return refuse(404)
        if (request.method !== "GET" && request.method !== "HEAD") return refuse(405)
        run(
          Effect.map(scraped, (snapshot) => {
            response.writeHead(200, { "content-type": CONTENT_TYPE, "cache-control": "no-store" })
            response.end(request.method === "HEAD" ? undefined : exposition(FAMILIES, snapshot))
          })
        )
      }

      yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>, MetricsUnheard>((resume) => {
          const server = createServer({ headersTimeout: 5000, requestTimeout: 5000 }, answer)
          server.maxConnections = MOST_CONNECTIONS
          server.once("error", (error) => resume(Effect.fail(new MetricsUnheard({ why: error.message }))))
          server.listen(metrics.port, metrics.host, () => resume(Effect.succeed(server)))
        }),
        (server) =>
          Effect.sync(() => {
            server.close()
            server.closeAllConnections()
          })
      )
      yield* Effect.logInfo("metrics are served").pipe(Effect.annotateLogs(metrics))
    })
  )
