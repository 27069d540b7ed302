/**
 * `/mcp`: Host and Origin, then the bearer token, then the body, then the scope of what is called; whatever passes goes to
 * one of two lanes (MCP Streamable HTTP; RFC 6750).
 */

import { Effect, Option, type Scope } from "effect"
import { HttpMiddleware, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { report, StoreUnavailable } from "../database/query.ts"
import type { BearerError } from "../oauth/errors.ts"
import { resourceFor } from "../oauth/resource.ts"
import { ScopeCatalogue } from "../oauth/scope.ts"
import type { Principal } from "../oauth/tokens/AccessTokens.ts"
import * as Bearer from "../oauth/tokens/bearer.ts"
import { ServerKeys } from "../oauth/tokens/ServerKeys.ts"
import { cameFromUs, VIA } from "../oauth/tokens/via.ts"
import { type Part, parentOf, within } from "../telemetry/trace.ts"
import { NOTHING_RELAYED, type Relay } from "../toolsets/relay.ts"
import { type Offering, Toolset } from "../toolsets/Toolset.ts"
import type { Caller } from "../toolsets/tool.ts"
import { type Accepted, acceptedBy } from "../web/accept.ts"
import { type BodyUnreadable, isEncoded, mediaType, type PayloadTooLarge, readText } from "../web/body.ts"
import { madeOnce } from "../web/derived.ts"
import { everyMethod } from "../web/endpoint.ts"
import * as StrictJson from "../web/json.ts"
import { noteNow } from "../web/notes.ts"
import { admitOrigin, originAllowed } from "../web/origins.ts"
import { UNENCODED, unavailable } from "../web/respond.ts"
import { challenged, scopesOf } from "./answers.ts"
import * as Batch from "./batch.ts"
import { makeCallerOf } from "./caller.ts"
import { makeFastLane } from "./fastLane.ts"
import { envelopeOf, forgiven, INVALID_REQUEST, type Members, PARSE_ERROR, rpcError } from "./message.ts"
import { makeQuestions } from "./questions.ts"
import { makeSdkLane } from "./sdkLane.ts"
import { makeWhileTokenLives } from "./streams.ts"

type Refusal = BearerError | StoreUnavailable | BodyUnreadable | PayloadTooLarge
type Reply = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  Refusal,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

const MAX_BYTES = 1024 * 1024
/** People type a slash at the end, and a redirect would lose the token, or the body. */
const PATHS = ["/mcp", "/mcp/"] as const
const JSON_ALONE: Accepted = { json: true, stream: false }

type Request = HttpServerRequest.HttpServerRequest

const refused = (status: number, code: number, message: string) => Effect.succeed(rpcError(status, code, message))

const compressed = Effect.map(refused(415, INVALID_REQUEST, "The body must not be compressed"), (answer) =>
  HttpServerResponse.setHeaders(answer, UNENCODED)
)
const circular = refused(508, INVALID_REQUEST, "This server is mounted behind itself")
const notAcceptable = refused(406, INVALID_REQUEST, "Answers are application/json or text/event-stream")

/** Clients that read a challenge in a tool's result, and make nothing of a 403. */
const readsInBand = (principal: Principal, meta: Members) =>
  principal.clientId.startsWith("https://chatgpt.com/") || Object.keys(meta).some((key) => key.startsWith("openai/"))

const NOTHING: ReadonlyArray<string> = []

const MAX_TOLD = 64
const told = (value: unknown) => (typeof value === "string" ? value.slice(0, MAX_TOLD) : "")

/** A message as its span tells of it (OpenTelemetry, "Semantic conventions for MCP"). */
const partOf =
  (method: unknown, { name }: Members) =>
  (): Part => {
    const target = told(name)
    return {
      name: `${told(method)} ${target}`.trim(),
      kind: "server",
      attributes: {
        "mcp.method.name": told(method),
        ...(method === "tools/call" && { "gen_ai.tool.name": target }),
        ...(method === "prompts/get" && { "gen_ai.prompt.name": target })
      }
    }
  }

/** A request past the token: by whom, and what is offered to them. */
interface Asked {
  readonly principal: Principal
  readonly caller: Caller
  readonly offering: Offering
  readonly request: Request
}

/** What a request needs: a tool's scopes to call it, and to read or pick what is no tool what is needed for any. Cards are nobody's secret. */
const needsOf = ({ tools, parts: { relays = NOTHING_RELAYED } }: Offering) => {
  const needs = new Map<unknown, ReadonlyArray<string>>(tools.map((tool) => [tool.name, scopesOf(tool)]))
  const cards = new Set<unknown>(tools.flatMap(({ app }) => (app === undefined ? [] : [app.uri])))
  const any = scopesOf(undefined)
  const ofRelay = (relay: Relay | undefined) => (relay === undefined ? any : scopesOf(relay))
  return (method: unknown, params: Members): ReadonlyArray<string> => {
    switch (method) {
      case "tools/call":
        return needs.get(params.name) ?? any
      case "prompts/get":
        return ofRelay(relays.prompts.get(String(params.name)))
      case "resources/read":
        return cards.has(params.uri) ? NOTHING : ofRelay(relays.resources.get(String(params.uri)))
      case "completion/complete":
        return any
      default:
        return NOTHING
    }
  }
}

export const McpRoute = HttpRouter.use(
  Effect.fn("McpRoute")(function* (router) {
    // The gate closes over its services, where other handlers ask the request's context for theirs: it is every call's way.
    const config = yield* ServerConfig
    const { current } = yield* Toolset
    const { current: catalogue } = yield* ScopeCatalogue
    const authenticate = yield* Bearer.makeAuthenticate()
    const needed = madeOnce(needsOf)
    const questions = yield* makeQuestions()
    const fastLane = madeOnce((offering: Offering) => makeFastLane(offering, questions))
    const sdkLane = yield* makeSdkLane(questions)
    const callerOf = yield* makeCallerOf()
    const keys = yield* ServerKeys
    const elsewhere = refused(
      421,
      INVALID_REQUEST,
      `This server is known as ${config.resource}: use that address, or set BASE_URL to the one that you use`
    )
    const whileTokenLives = yield* makeWhileTokenLives(authenticate)

    const challenge = (request: Request, error: BearerError) =>
      Bearer.challenge(resourceFor(config, request) ?? config.resource, catalogue(), error)

    const answer = ({ principal, caller, offering, request }: Asked, accepted: Accepted, received: unknown): Reply => {
      const message = forgiven(received)
      const { method, params, meta } = envelopeOf(message)
      const lacking = Bearer.insufficient(principal.scopes, needed(offering)(method, params))
      // Only a tool's result can say it in band.
      if (lacking !== undefined && !(method === "tools/call" && readsInBand(principal, meta)))
        return Effect.fail(lacking)
      const denied = lacking && challenged(lacking, challenge(request, lacking))
      const plain =
        accepted.json && config.fastLane
          ? fastLane(offering)({ message, headers: request.headers, caller, denied })
          : undefined
      const part = partOf(method, params)
      const parent = parentOf(meta.traceparent)
      if (plain !== undefined) return within(part, plain, parent)
      const judged = sdkLane(principal, message, accepted, { caller, denied, offering })
      if (method !== "subscriptions/listen") return within(part, judged, parent)
      return accepted.stream ? Effect.flatMap(judged, (stream) => whileTokenLives(principal, stream)) : notAcceptable
    }

    /** Refused before any of it is done when a member needs more than was granted. */
    const answerAll = (asked: Asked, accepted: Accepted, batch: ReadonlyArray<unknown>): Reply => {
      const { principal, request, offering } = asked
      const refusal = Batch.refusalOf(batch, request.headers["mcp-protocol-version"])
      if (refusal !== undefined) return refused(400, INVALID_REQUEST, refusal)
      const all = batch
        .map(envelopeOf)
        .filter(({ method, meta }) => method !== "tools/call" || !readsInBand(principal, meta))
      const needs = new Set(all.flatMap(({ method, params }) => needed(offering)(method, params)))
      const lacking = Bearer.insufficient(principal.scopes, [...needs])
      if (lacking !== undefined) return Effect.fail(lacking)
      return Batch.answerBatch(batch, accepted, (message) => answer(asked, JSON_ALONE, message))
    }

    const read = (principal: Principal, request: Request, accepted: Accepted, text: string): Reply => {
      const parsed = StrictJson.parse(text)
      if (Option.isNone(parsed)) return refused(400, PARSE_ERROR, "Parse error: the body is not strict JSON")
      const { value } = parsed
      const caller = callerOf(principal)
      const judged = (offering: Offering) => {
        const asked = { principal, caller, offering, request }
        return Array.isArray(value) ? answerAll(asked, accepted, value) : answer(asked, accepted, value)
      }
      const offering = current()
      if (offering.of === undefined) return judged(offering)
      // Whether somebody may see a server is not answered by leaving it out when it is not known.
      const own = Effect.mapError(offering.of(caller), (cause) => new StoreUnavailable({ cause }))
      return Effect.flatMap(own, judged)
    }

    // Plain functions, and few steps for the fiber.
    const serve = (request: Request) =>
      Effect.flatMap(authenticate(request.headers.authorization), (principal): Reply => {
        noteNow({ client_id: principal.clientId, person: principal.subject })
        if (request.method !== "POST") {
          return Effect.succeed(HttpServerResponse.empty({ status: 405, headers: { allow: "POST" } }))
        }
        if (mediaType(request) !== "application/json") {
          return refused(415, INVALID_REQUEST, "Content-Type must be application/json")
        }
        if (isEncoded(request)) return compressed
        if (cameFromUs(keys, request.headers[VIA])) return circular
        const types = acceptedBy(request.headers.accept)
        if (!types.json && !types.stream) return notAcceptable
        return Effect.flatMap(readText(request, MAX_BYTES), (text) => read(principal, request, types, text))
      })

    const answerError = (request: Request, error: Refusal) => {
      switch (error._tag) {
        case "StoreUnavailable":
          return Effect.as(report(error), unavailable)
        case "payload_too_large":
          return refused(413, INVALID_REQUEST, "The body is too large")
        case "body_unreadable":
          return refused(400, PARSE_ERROR, `Parse error: ${error.description}`)
        default: {
          // Metadata of another address would lead a new client astray, so this is the place to say it.
          if (error._tag === "missing_token" && resourceFor(config, request) === undefined) return elsewhere
          const status = error._tag === "insufficient_scope" ? 403 : 401
          const body = error._tag === "missing_token" ? {} : { error: error._tag, error_description: error.description }
          return Effect.succeed(
            HttpServerResponse.jsonUnsafe(body, {
              status,
              headers: { "www-authenticate": challenge(request, error) }
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
    const served = (request: Request) => Effect.catch(serve(request), (error) => answerError(request, error))
    const forPages = HttpServerRequest.HttpServerRequest.use(served).pipe(admitOrigin, withCors)
    for (const path of PATHS) {
      yield* everyMethod(router, path, (request) =>
        request.headers.origin === undefined && request.method !== "OPTIONS" ? served(request) : forPages
      )
    }
  })
)
