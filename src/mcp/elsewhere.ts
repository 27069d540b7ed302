/** MCP sent to the bare origin, as people type it: told where the endpoint is, since most clients show what they read. */

import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, type HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { resourceFor } from "../oauth/resource.ts"
import { mediaType } from "../web/body.ts"
import { endpoint } from "../web/endpoint.ts"
import { corsOf } from "../web/origins.ts"
import { notFound } from "../web/respond.ts"
import { INVALID_REQUEST, rpcError } from "./message.ts"

const isMcp = (request: HttpServerRequest.HttpServerRequest) =>
  request.method === "POST"
    ? mediaType(request) === "application/json"
    : request.headers.accept?.toLowerCase().includes("text/event-stream") === true

/** `/`, which is `home` to whoever does not speak MCP. */
export const elsewhere = <R>(home: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>) =>
  HttpRouter.use(
    Effect.fn("Elsewhere")(function* (router) {
      const config = yield* ServerConfig
      // Not 404: on that, clients go on to try the transport of 2024, whose error hides this one.
      const or = <R>(other: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>) =>
        HttpServerRequest.HttpServerRequest.use((request): typeof other =>
          isMcp(request)
            ? Effect.succeed(
                rpcError(400, INVALID_REQUEST, `The MCP endpoint is ${resourceFor(config, request) ?? config.resource}`)
              )
            : other
        )
      yield* endpoint(router, "/", { GET: or(home), POST: or(Effect.succeed(notFound)) }, corsOf(config))
    })
  )
