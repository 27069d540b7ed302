/** `/mcp`: Host and Origin, then the bearer token, then the body (MCP Streamable HTTP; RFC 6750). */

import { Clock, Deferred, Effect, Option, type Scope, Stream } from "effect"
import { type Headers, HttpMiddleware, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Draining } from "../app/health.ts"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { Principal } from "../oauth/clients/client.ts"
import type { BearerError, InvalidRequest, StoreUnavailable } from "../oauth/errors.ts"
import { unavailable } from "../oauth/respond.ts"
import * as Bearer from "../oauth/tokens/bearer.ts"
import * as Tools from "../toolsets/builtin/builtin.ts"
import { mediaType, type PayloadTooLarge, readText } from "../web/body.ts"
import * as StrictJson from "../web/json.ts"
import { admitOrigin, originAllowed } from "../web/origins.ts"
import { scopesOf } from "./answers.ts"
import { makeFastLane } from "./fastLane.ts"
import { envelopeOf, type Members } from "./message.ts"
import { makeToolServer } from "./sdkLane.ts"

type Refusal = BearerError | StoreUnavailable | InvalidRequest | PayloadTooLarge
type Reply = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  Refusal,
  Tools.ToolServices | HttpServerRequest.HttpServerRequest | Scope.Scope
>

const BODY_LIMIT = 1024 * 1024
const PATH = "/mcp"

/** JSON-RPC 2.0 §5.1: an error about a request that was not read has no id. */
const rpcError = (status: number, code: number, message: string) =>
  HttpServerResponse.jsonUnsafe({ jsonrpc: "2.0", id: null, error: { code, message } }, { status })

const refused = (status: number, code: number, message: string) => Effect.succeed(rpcError(status, code, message))

const [PARSE_ERROR, INVALID_REQUEST, INTERNAL_ERROR] = [-32700, -32600, -32603] as const
const MAX_STREAMS = 16
const REVOCATION_INTERVAL = "5 seconds"

/** What the SDK gets of a request: never the token, which is of no use to a tool. */
const toWeb = (request: HttpServerRequest.HttpServerRequest, url: string, signal: AbortSignal) => {
  const { authorization: _authorization, cookie: _cookie, ...headers } = request.headers
  return new Request(url, { method: "POST", headers, signal })
}

const fromWeb = (response: Response) => {
  const headers = { ...Object.fromEntries(response.headers), "cache-control": "no-store" }
  const { body } = response
  if (body === null) return HttpServerResponse.empty({ status: response.status, headers })
  const stream = Stream.fromReadableStream({ evaluate: () => body, onError: (cause) => cause })
  return HttpServerResponse.stream(stream, { status: response.status, headers })
}

/** Clients that read a challenge in a tool's result, and make nothing of a 403. */
const readsInBand = (principal: Principal, meta: Members) =>
  principal.clientId.startsWith("https://chatgpt.com/") || Object.keys(meta).some((key) => key.startsWith("openai/"))

export const McpRoute = HttpRouter.use(
  Effect.fn("McpRoute")(function* (router) {
    const config = yield* ServerConfig
    const draining = yield* Draining
    const authenticate = yield* Bearer.makeAuthenticate()
    const server = yield* makeToolServer(Tools.tools)
    const fastLane = config.fastLane ? yield* makeFastLane(Tools.tools) : undefined
    const scopesByTool = new Map<unknown, ReadonlyArray<string>>(Tools.tools.map((tool) => [tool.name, scopesOf(tool)]))

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

    /** Open streams of a session, and not more of them than a client has use for. */
    const streams = new Map<string, number>()

    /** A stream that would outlive its token is ended with it: at its expiry, or soon after a revocation, and with the server. */
    const whileTokenLives = Effect.fn("mcp.whileTokenLives")(function* (
      { sessionId, expiresAt }: Principal,
      response: HttpServerResponse.HttpServerResponse
    ) {
      const open = streams.get(sessionId) ?? 0
      if (open >= MAX_STREAMS) return rpcError(429, INTERNAL_ERROR, "Too many open streams")
      yield* Effect.acquireRelease(
        Effect.sync(() => streams.set(sessionId, open + 1)),
        () =>
          Effect.sync(() => {
            const left = (streams.get(sessionId) ?? 1) - 1
            if (left > 0) streams.set(sessionId, left)
            else streams.delete(sessionId)
          })
      )
      const request = yield* HttpServerRequest.HttpServerRequest
      const expiry = Effect.sleep(Math.max(0, expiresAt.getTime() - (yield* Clock.currentTimeMillis)))
      const revocation = authenticate(request.headers.authorization).pipe(
        Effect.as(false),
        // A database that does not answer ends nothing.
        Effect.catch((error) => Effect.succeed(error._tag !== "StoreUnavailable")),
        Effect.delay(REVOCATION_INTERVAL),
        Effect.repeat({ until: (ended) => ended })
      )
      if (response.body._tag !== "Stream") return response
      const stream = response.body.stream.pipe(
        Stream.interruptWhen(Effect.raceAll([expiry, revocation, Deferred.await(draining)]))
      )
      return HttpServerResponse.stream(stream, { status: response.status, headers: response.headers })
    })

    const viaSdk = Effect.fn("mcp.viaSdk")(function* (principal: Principal, message: unknown, method: unknown) {
      const response = yield* dispatch(principal, message)
      return method === "subscriptions/listen" ? yield* whileTokenLives(principal, response) : response
    })

    const answer = (principal: Principal, headers: Headers.Headers, text: string): Reply => {
      const read = StrictJson.parse(text)
      if (Option.isNone(read)) return refused(400, PARSE_ERROR, "Parse error: the body is not strict JSON")
      const message = read.value
      if (Array.isArray(message)) return refused(400, INVALID_REQUEST, "Batches are not supported")
      const { method, params, meta } = envelopeOf(message)
      if (method === "tools/call") {
        const needed = scopesByTool.get(params.name) ?? scopesOf(undefined)
        const lacking = Bearer.insufficient(principal.scopes, needed)
        if (lacking !== undefined && !readsInBand(principal, meta)) return Effect.fail(lacking)
      }
      return fastLane?.(principal, headers, message) ?? viaSdk(principal, message, method)
    }

    // Plain functions, and few steps for the fiber: this is every call's way.
    const serve = (request: HttpServerRequest.HttpServerRequest) =>
      Effect.flatMap(authenticate(request.headers.authorization), (principal): Reply => {
        if (request.method !== "POST") {
          return Effect.succeed(HttpServerResponse.empty({ status: 405, headers: { allow: "POST" } }))
        }
        if (mediaType(request) !== "application/json") {
          return refused(415, INVALID_REQUEST, "Content-Type must be application/json")
        }
        return Effect.flatMap(readText(request, BODY_LIMIT), (text) => answer(principal, request.headers, text))
      })

    const answerError = (error: Refusal) => {
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
            HttpServerResponse.jsonUnsafe(body, {
              status,
              headers: { "www-authenticate": Bearer.challenge(config, error) }
            })
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
    const served = (request: HttpServerRequest.HttpServerRequest) => Effect.catch(serve(request), answerError)
    const forPages = HttpServerRequest.HttpServerRequest.use(served).pipe(admitOrigin(config), withCors)
    yield* router.add("*", PATH, (request) =>
      request.headers.origin === undefined && request.method !== "OPTIONS" ? served(request) : forPages
    )
  })
)
