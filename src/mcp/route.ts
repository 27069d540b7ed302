/** `/mcp`: Host and Origin, then the bearer token, then the body (MCP Streamable HTTP; RFC 6750). */

import { Effect, Option, Stream } from "effect"
import { HttpMiddleware, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { BearerError, InvalidRequest, StoreUnavailable } from "../domain/errors.ts"
import type { Principal } from "../domain/model.ts"
import { TOOLS_CALL } from "../domain/scope.ts"
import { admitOrigin, originAllowed } from "../http/origins.ts"
import { mediaType, type PayloadTooLarge, readText } from "../http/requestBody.ts"
import { json, NO_STORE, unavailable } from "../http/respond.ts"
import * as StrictJson from "../http/strictJson.ts"
import * as Bearer from "../oauth/bearer.ts"
import type { ServerKeys } from "../store/ServerKeys.ts"
import type { TokenStore } from "../store/TokenStore.ts"
import * as Tools from "../tools/tools.ts"
import { makeToolServer } from "./toolServer.ts"

const BODY_LIMIT = 1024 * 1024
const PATH = "/mcp"

/** JSON-RPC 2.0 §5.1: an error about a request that was not read has no id. */
const rpcError = (status: number, code: number, message: string) =>
  HttpServerResponse.setStatus(json({ jsonrpc: "2.0", id: null, error: { code, message } }), status)

const [PARSE_ERROR, INVALID_REQUEST] = [-32700, -32600] as const

/** What the SDK gets of a request: never the token, which is of no use to a tool. */
const toWeb = (request: HttpServerRequest.HttpServerRequest, url: string, signal: AbortSignal) => {
  const { authorization: _authorization, cookie: _cookie, ...headers } = request.headers
  return new Request(url, { method: "POST", headers, signal })
}

const fromWeb = (response: Response) => {
  const headers = { ...Object.fromEntries(response.headers), ...NO_STORE }
  const { body } = response
  if (body === null) return HttpServerResponse.empty({ status: response.status, headers })
  const stream = Stream.fromReadableStream({ evaluate: () => body, onError: (cause) => cause })
  return HttpServerResponse.stream(stream, { status: response.status, headers })
}

const methodOf = (message: unknown): unknown =>
  typeof message === "object" && message !== null && "method" in message ? message.method : undefined

export const McpRoute = HttpRouter.use(
  Effect.fn("McpRoute")(function* (router) {
    const config = yield* ServerConfig
    const services = yield* Effect.context<ServerConfig | ServerKeys | TokenStore>()
    const server = yield* makeToolServer(Tools.tools)

    const dispatch = Effect.fn("mcp.dispatch")(function* (principal: Principal, message: unknown) {
      const request = yield* HttpServerRequest.HttpServerRequest
      // Closed with the request, whichever way it ends: a caller who hangs up interrupts the tool.
      const controller = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        (controller) => Effect.sync(() => controller.abort())
      )
      const authInfo = {
        token: "",
        clientId: principal.clientId,
        scopes: [...principal.scopes],
        expiresAt: Math.floor(+principal.expiresAt / 1000),
        resource: new URL(principal.resource)
      }
      const web = toWeb(request, config.resource, controller.signal)
      return fromWeb(yield* Effect.promise(() => server.fetch(web, { authInfo, parsedBody: message })))
    })

    const serve = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const principal = yield* Bearer.authenticate(request.headers.authorization)
      if (request.method !== "POST") {
        return HttpServerResponse.empty({ status: 405, headers: { allow: "POST", ...NO_STORE } })
      }
      if (mediaType(request) !== "application/json") {
        return rpcError(415, INVALID_REQUEST, "Content-Type must be application/json")
      }
      const message = StrictJson.parse(yield* readText(BODY_LIMIT))
      if (Option.isNone(message)) return rpcError(400, PARSE_ERROR, "Parse error: the body is not strict JSON")
      if (Array.isArray(message.value)) return rpcError(400, INVALID_REQUEST, "Batches are not supported")
      if (methodOf(message.value) === "tools/call") yield* Bearer.require(principal, [TOOLS_CALL.name])
      return yield* dispatch(principal, message.value)
    })

    const answerError = (error: BearerError | StoreUnavailable | InvalidRequest | PayloadTooLarge) => {
      switch (error._tag) {
        case "StoreUnavailable":
          return Effect.as(Effect.logError("the database did not answer", error), unavailable)
        case "payload_too_large":
          return Effect.succeed(rpcError(413, INVALID_REQUEST, "The body is too large"))
        case "invalid_request":
          return Effect.succeed(rpcError(400, PARSE_ERROR, `Parse error: ${error.description}`))
        default: {
          const status = error._tag === "insufficient_scope" ? 403 : 401
          const body = error._tag === "missing_token" ? {} : { error: error._tag, error_description: error.description }
          return Effect.succeed(
            json(body).pipe(
              HttpServerResponse.setStatus(status),
              HttpServerResponse.setHeader("www-authenticate", Bearer.challenge(config, error))
            )
          )
        }
      }
    }

    const withCors = HttpMiddleware.cors({
      allowedOrigins: (origin: string | undefined) => originAllowed(config.corsOrigins, origin),
      allowedMethods: ["POST"],
      exposedHeaders: ["WWW-Authenticate"],
      maxAge: 86_400
    })
    yield* router.add(
      "*",
      PATH,
      serve.pipe(Effect.catch(answerError), Effect.provideContext(services), admitOrigin(config), withCors)
    )
  })
)
