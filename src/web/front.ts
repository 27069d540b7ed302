/** What every request passes, whatever its path: the request id, the Host allow-list, the access log, the last net. */

import { randomUUID } from "node:crypto"
import { Cause, Clock, Context, Effect, LogLevel, Option, References } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { httpRequests } from "../telemetry/counts.ts"
import { type Ended, Sampling, traced, traceIdNow } from "../telemetry/trace.ts"
import { isNavigation } from "./accept.ts"
import { PROBES } from "./admission.ts"
import { clientAddress, isForgottenProxy } from "./clientAddress.ts"
import { Draining } from "./Draining.ts"
import { routed } from "./endpoint.ts"
import { notesOf } from "./notes.ts"
import { hostAllowed, isRefusedPreflight } from "./origins.ts"
import { forbidden, notFound, serverError } from "./respond.ts"
import { currentRoute, NO_ROUTE } from "./route.ts"

const FORGOTTEN_PROXY =
  "requests come through a proxy that is not trusted, so all people behind it share one limit: set TRUST_PROXY to the " +
  "number of proxies (1 for a tunnel), or to their networks"

const CLOSE = { connection: "close" }

/** What the front refuses by itself, as programs are told. */
const REFUSALS = { notFound, forbidden, serverError }
type Refusal = keyof typeof REFUSALS

/** The same as a person in front of a browser can read it. Pages are made above this room, so it is handed them. */
export class RefusalPages extends Context.Service<
  RefusalPages,
  Readonly<
    Record<Refusal, Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest>>
  >
>()("gatehouse/web/RefusalPages") {}

export const Front = HttpRouter.middleware(
  Effect.gen(function* () {
    const config = yield* ServerConfig
    const draining = yield* Draining
    const pages = yield* RefusalPages
    const isTraced = yield* Sampling
    const least = yield* References.MinimumLogLevel
    const isLogged = (level: LogLevel.LogLevel) => LogLevel.isGreaterThanOrEqualTo(level, least)

    const refuse = (refusal: Refusal) =>
      HttpServerRequest.HttpServerRequest.use((request) =>
        isNavigation(request) ? pages[refusal] : Effect.succeed(REFUSALS[refusal])
      )

    const recover = (cause: Cause.Cause<unknown>) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
      if (isRouteNotFound(Cause.squash(cause))) return refuse("notFound")
      return Effect.andThen(Effect.logError("a request ended in a defect", cause), refuse("serverError"))
    }

    const logged = Effect.fnUntraced(function* <E, R>(
      answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
      request: HttpServerRequest.HttpServerRequest,
      path: string
    ) {
      const started = yield* Clock.currentTimeMillis
      const response = yield* answer
      const trace = traceIdNow()
      yield* (PROBES.has(path) ? Effect.logDebug("request") : Effect.logInfo("request")).pipe(
        Effect.annotateLogs({
          method: request.method,
          path: path.slice(0, 200),
          status: response.status,
          ms: (yield* Clock.currentTimeMillis) - started,
          client: clientAddress(config.trustedProxies, request),
          ...(trace !== undefined && { trace_id: trace })
        })
      )
      return response
    })

    // Told once. On this computer nobody else calls, and behind a number of proxies every peer is one.
    let isProxyTold = config.isLocal || (config.trustedProxies._tag === "Hops" && config.trustedProxies.count > 0)
    let vetted: string | undefined
    const tellOfProxy = (request: HttpServerRequest.HttpServerRequest) => {
      const peer = Option.getOrUndefined(request.remoteAddress)
      if (peer === undefined || peer === vetted) return Effect.void
      vetted = peer
      if (!isForgottenProxy(config.trustedProxies, peer)) return Effect.void
      isProxyTold = true
      return Effect.logWarning(FORGOTTEN_PROXY).pipe(Effect.annotateLogs({ peer }))
    }

    return (app) => {
      const recovered = Effect.catchCause(app, recover)
      const preflighted = (request: HttpServerRequest.HttpServerRequest) =>
        Effect.map(recovered, (response) => (isRefusedPreflight(request, response) ? forbidden : response))
      return HttpServerRequest.HttpServerRequest.use((request) => {
        const began = performance.now()
        const [path = ""] = request.url.split("?", 1)
        // The router takes any first character for the slash: `*admin` would be `/admin`, past whoever guards that in front.
        const isPath = path.startsWith("/")
        const isProbe = PROBES.has(path)
        const asked = routed(request)
        const isAdmitted = isProbe || hostAllowed(config.allowedHosts, request.headers.host)
        const answer = !isAdmitted
          ? refuse("forbidden")
          : !isPath
            ? refuse("notFound")
            : request.method === "OPTIONS"
              ? preflighted(request)
              : asked === request
                ? recovered
                : Effect.provideService(recovered, HttpServerRequest.HttpServerRequest, asked)
        const requestId = randomUUID()
        const isForwarded = !isProxyTold && request.headers["x-forwarded-for"] !== undefined
        // What nobody will read is not put together.
        const reported = isLogged(isProbe ? "Debug" : "Info") ? logged(answer, request, path) : answer
        const seen = isForwarded ? Effect.andThen(tellOfProxy(request), reported) : reported
        const method = asked === request ? request.method : "other"
        let route = NO_ROUTE
        const answered = Effect.map(seen, (response) => {
          route = currentRoute()
          httpRequests.of(route, method, String(response.status)).observe((performance.now() - began) / 1000)
          return HttpServerResponse.setHeaders(response, {
            // An answer is nobody's to keep unless it says so.
            "cache-control": response.headers["cache-control"] ?? "no-store",
            "x-request-id": requestId,
            "x-content-type-options": "nosniff",
            // So that the next request goes to a server that stays.
            ...(draining.isBegun() ? CLOSE : {})
          })
        })
        const ended = ({ status }: HttpServerResponse.HttpServerResponse): Ended => ({
          name: route === NO_ROUTE ? method : `${method} ${route}`,
          attributes: {
            "http.request.method": method,
            "http.response.status_code": status,
            "gatehouse.request_id": requestId,
            ...(route !== NO_ROUTE && { "http.route": route })
          },
          fault: status < 500 ? undefined : String(status)
        })
        const { traceparent } = request.headers
        return Effect.provideService(
          isProbe ? answered : traced(isTraced, { traceparent, method }, answered, ended),
          References.CurrentLogAnnotations,
          notesOf(requestId)
        )
      })
    }
  }),
  { global: true }
)

const isRouteNotFound = (error: unknown) =>
  HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound"
