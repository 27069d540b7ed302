/** What every request passes, whatever its path: the request id, the Host allow-list, the access log, the last net. */

import { randomUUID } from "node:crypto"
import { Cause, Clock, Deferred, Effect, LogLevel, References } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { clientAddress } from "./clientAddress.ts"
import { Draining } from "./healthRoutes.ts"
import { forbidden, hostAllowed } from "./origins.ts"
import { serverError, unavailable } from "./respond.ts"

/** Probes come by address, not by name, and often. */
const PROBES = new Set(["/healthz", "/readyz"])

const notFound = HttpServerResponse.jsonUnsafe(
  { error: "not_found", error_description: "there is nothing at this path" },
  { status: 404 }
)

export const Front = HttpRouter.middleware(
  Effect.gen(function* () {
    const config = yield* ServerConfig
    const draining = yield* Draining
    const least = yield* References.MinimumLogLevel
    const isLogged = (level: LogLevel.LogLevel) => LogLevel.isGreaterThanOrEqualTo(level, least)

    // One generator for all requests: a new one for each would cost V8 a hidden class each, kept until the next full
    // collection.
    const answer = Effect.fnUntraced(function* <E, R>(
      app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>,
      request: HttpServerRequest.HttpServerRequest,
      requestId: string
    ) {
      const started = yield* Clock.currentTimeMillis
      const path = request.url.split("?")[0] ?? ""
      const isProbe = PROBES.has(path)
      const admitted = isProbe || hostAllowed(config.allowedHosts, request.headers.host)
      const isDraining = Deferred.isDoneUnsafe(draining)
      const response = isDraining
        ? unavailable
        : admitted
          ? yield* Effect.catchCause(app, (cause) => {
              if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
              if (isRouteNotFound(Cause.squash(cause))) return Effect.succeed(notFound)
              return Effect.as(Effect.logError("a request ended in a defect", cause), serverError)
            })
          : forbidden
      // What nobody will read is not put together.
      if (isLogged(isProbe ? "Debug" : "Info")) {
        yield* (isProbe ? Effect.logDebug("request") : Effect.logInfo("request")).pipe(
          Effect.annotateLogs({
            method: request.method,
            path: path.slice(0, 200),
            status: response.status,
            ms: (yield* Clock.currentTimeMillis) - started,
            client: clientAddress(config.trustedProxies, request)
          })
        )
      }
      return HttpServerResponse.setHeaders(response, {
        "x-request-id": requestId,
        "x-content-type-options": "nosniff",
        // An open connection would keep the shutdown waiting for a next request that we would refuse.
        ...(Deferred.isDoneUnsafe(draining) ? { connection: "close" } : {})
      })
    })

    return (app) =>
      HttpServerRequest.HttpServerRequest.use((request) => {
        const requestId = randomUUID()
        return Effect.annotateLogs(answer(app, request, requestId), { request_id: requestId })
      })
  }),
  { global: true }
)

const isRouteNotFound = (error: unknown) =>
  HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound"
