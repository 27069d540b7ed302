/**
 * `/mcp`: Host and Origin, then the bearer token, then the body, then the scope of what is called; whatever passes goes to
 * one of two lanes (MCP Streamable HTTP; RFC 6750).
 */

import { Effect, Option, type Scope } from "effect"
import { type Headers, HttpMiddleware, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { StoreUnavailable } from "../database/query.ts"
import type { BearerError } from "../oauth/errors.ts"
import type { Principal } from "../oauth/tokens/AccessTokens.ts"
import * as Bearer from "../oauth/tokens/bearer.ts"
import { type Offering, Toolset } from "../toolsets/Toolset.ts"
import { type BodyUnreadable, mediaType, type PayloadTooLarge, readText } from "../web/body.ts"
import { derived } from "../web/derived.ts"
import * as StrictJson from "../web/json.ts"
import { admitOrigin, originAllowed } from "../web/origins.ts"
import { unavailable } from "../web/respond.ts"
import { scopesOf } from "./answers.ts"
import { makeFastLane } from "./fastLane.ts"
import { envelopeOf, INVALID_REQUEST, type Members, PARSE_ERROR, rpcError } from "./message.ts"
import { makeSdkLane } from "./sdkLane.ts"
import { makeWhileTokenLives } from "./streams.ts"

type Refusal = BearerError | StoreUnavailable | BodyUnreadable | PayloadTooLarge
type Reply = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  Refusal,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

const MAX_BYTES = 1024 * 1024
const PATH = "/mcp"

const refused = (status: number, code: number, message: string) => Effect.succeed(rpcError(status, code, message))

/** Clients that read a challenge in a tool's result, and make nothing of a 403. */
const readsInBand = (principal: Principal, meta: Members) =>
  principal.clientId.startsWith("https://chatgpt.com/") || Object.keys(meta).some((key) => key.startsWith("openai/"))

const needsByTool = ({ tools }: Offering) => {
  const needs = new Map<unknown, ReadonlyArray<string>>(tools.map((tool) => [tool.name, scopesOf(tool)]))
  return (name: unknown) => needs.get(name) ?? scopesOf(undefined)
}

export const McpRoute = HttpRouter.use(
  Effect.fn("McpRoute")(function* (router) {
    // The gate closes over its services, where other handlers ask the request's context for theirs: it is every call's way.
    const config = yield* ServerConfig
    const { current } = yield* Toolset
    const authenticate = yield* Bearer.makeAuthenticate()
    const needed = derived(current, needsByTool)
    const fastLane = config.fastLane
      ? derived(current, (offering) => makeFastLane(config, offering))
      : () => () => undefined
    const sdkLane = yield* makeSdkLane()
    const whileTokenLives = yield* makeWhileTokenLives(authenticate)

    const answer = (principal: Principal, headers: Headers.Headers, text: string): Reply => {
      const read = StrictJson.parse(text)
      if (Option.isNone(read)) return refused(400, PARSE_ERROR, "Parse error: the body is not strict JSON")
      const message = read.value
      if (Array.isArray(message)) return refused(400, INVALID_REQUEST, "Batches are not supported")
      const { method, params, meta } = envelopeOf(message)
      const lacking = method === "tools/call" ? Bearer.insufficient(principal.scopes, needed()(params.name)) : undefined
      if (lacking !== undefined && !readsInBand(principal, meta)) return Effect.fail(lacking)
      const plain = fastLane()({ message, headers, lacking })
      if (plain !== undefined) return plain
      const response = sdkLane(principal, message, lacking)
      return method === "subscriptions/listen"
        ? Effect.flatMap(response, (stream) => whileTokenLives(principal, stream))
        : response
    }

    // Plain functions, and few steps for the fiber.
    const serve = (request: HttpServerRequest.HttpServerRequest) =>
      Effect.flatMap(authenticate(request.headers.authorization), (principal): Reply => {
        if (request.method !== "POST") {
          return Effect.succeed(HttpServerResponse.empty({ status: 405, headers: { allow: "POST" } }))
        }
        if (mediaType(request) !== "application/json") {
          return refused(415, INVALID_REQUEST, "Content-Type must be application/json")
        }
        return Effect.flatMap(readText(request, MAX_BYTES), (text) => answer(principal, request.headers, text))
      })

    const answerError = (error: Refusal) => {
      switch (error._tag) {
        case "StoreUnavailable":
          return Effect.as(Effect.logError("the database did not answer", error), unavailable)
        case "payload_too_large":
          return refused(413, INVALID_REQUEST, "The body is too large")
        case "body_unreadable":
          return refused(400, PARSE_ERROR, `Parse error: ${error.description}`)
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
    const forPages = HttpServerRequest.HttpServerRequest.use(served).pipe(admitOrigin, withCors)
    yield* router.add("*", PATH, (request) =>
      request.headers.origin === undefined && request.method !== "OPTIONS" ? served(request) : forPages
    )
  })
)
