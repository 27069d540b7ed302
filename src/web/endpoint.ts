/**
 * One path, its methods, its CORS policy: what is not served answers 405 with `Allow` (RFC 9110 §15.5.6), a compressed body
 * 415 (§15.5.16).
 */

import { Effect } from "effect"
import { HttpMiddleware, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { isEncoded } from "./body.ts"
import { unsupportedEncoding } from "./respond.ts"

type Method = "GET" | "POST" | "PUT" | "DELETE"

/** No path has this one, so whatever is asked by it is answered with what the path has. */
const UNSERVED = "PATCH"
const METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", UNSERVED] as const

/**
 * As the router is to be asked. Its own "*" is 35 methods with a tree each, a tenth of a second of every start; of those that
 * nobody serves one is enough. HEAD it looks up as GET.
 */
export const routed = (request: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest =>
  request.method === "HEAD" || METHODS.some((method) => method === request.method)
    ? request
    : Object.create(request, { method: { value: UNSERVED } })
type Handler<R> = Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>

export interface EndpointOptions {
  /** Which origins may read the answers in a browser; absent means none. */
  readonly cors?: "*" | ((origin: string | undefined) => boolean)
}

// What browser clients of MCP need to read (RFC 9728 §5.1).
const EXPOSED_HEADERS = ["WWW-Authenticate", "Mcp-Session-Id", "Retry-After"]

const methodNotAllowed = (allow: string) => HttpServerResponse.empty({ status: 405, headers: { allow } })

const allowOf = (methods: ReadonlyArray<string>): string =>
  methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ")

/** Adds a path to the router for every method, where what is asked has been `routed`. */
export const everyMethod = <E, R>(
  router: HttpRouter.HttpRouter,
  path: HttpRouter.PathInput,
  handler: Parameters<typeof HttpRouter.route<E, R>>[2]
) => router.addAll(METHODS.map((method) => HttpRouter.route(method, path, handler)))

/** Adds a path to the router. HEAD is answered by GET. */
export const endpoint = <R = never>(
  router: HttpRouter.HttpRouter,
  path: HttpRouter.PathInput,
  handlers: Readonly<Partial<Record<Method, Handler<R>>>>,
  { cors }: EndpointOptions = {}
) => {
  const allow = allowOf(Object.keys(handlers))
  const dispatch = HttpServerRequest.HttpServerRequest.use((request): Handler<R> => {
    const handler = request.method === "HEAD" ? handlers.GET : handlers[request.method as Method]
    if (handler === undefined) return Effect.succeed(methodNotAllowed(allow))
    return isEncoded(request) ? Effect.succeed(unsupportedEncoding) : handler
  })
  if (cors === undefined) return everyMethod(router, path, dispatch)
  const withCors = HttpMiddleware.cors({
    ...(cors === "*" ? {} : { allowedOrigins: cors }),
    allowedMethods: Object.keys(handlers),
    // No list: what a browser asks for is echoed, since tools may define Mcp-Param-* headers of their own.
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 86_400
  })
  return everyMethod(router, path, withCors(dispatch))
}
