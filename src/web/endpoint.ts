/**
 * One path, its methods, its CORS policy: what is not served answers 405 with `Allow` (RFC 9110 §15.5.6), a compressed body
 * 415 (§15.5.16).
 */

import { Effect } from "effect"
import { HttpMiddleware, type HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { isEncoded } from "./body.ts"
import { unsupportedEncoding } from "./respond.ts"

type Method = "GET" | "POST" | "PUT" | "DELETE"
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
  if (cors === undefined) return router.add("*", path, dispatch)
  const withCors = HttpMiddleware.cors({
    ...(cors === "*" ? {} : { allowedOrigins: cors }),
    allowedMethods: Object.keys(handlers),
    // No list: what a browser asks for is echoed, since tools may define Mcp-Param-* headers of their own.
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: 86_400
  })
  return router.add("*", path, withCors(dispatch))
}
