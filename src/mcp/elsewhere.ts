/** MCP sent to the bare origin, as people type it: told where the endpoint is, since most clients show what they read. */

import { Effect } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
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

export const ElsewhereRoute = HttpRouter.use(
  Effect.fn("ElsewhereRoute")(function* (router) {
    const config = yield* ServerConfig
    // Not 404: on that, clients go on to try the transport of 2024, whose error hides this one.
    const answer = HttpServerRequest.HttpServerRequest.useSync((request) =>
      isMcp(request)
        ? rpcError(
            400,
            INVALID_REQUEST,
            `The MCP endpoint is at /mcp: ${resourceFor(config, request) ?? config.resource}`
          )
        : notFound
    )
    yield* endpoint(router, "/", { GET: answer, POST: answer }, corsOf(config))
  })
)
