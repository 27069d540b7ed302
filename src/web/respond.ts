/** Answers that are the same on every path. */

import { HttpServerResponse } from "effect/http"

/** RFC 6749 §5.1: nothing that carries or refuses credentials may be kept by a cache. */
export const NO_STORE = { "cache-control": "no-store", pragma: "no-cache" }
export const RETRY_AFTER_SECONDS = 5

/** A JSON answer that no cache keeps. */
export const json = (body: unknown, status = 200) => HttpServerResponse.jsonUnsafe(body, { status, headers: NO_STORE })

/** An error as OAuth tells it (RFC 6749 §5.2), which is as good as any for the other paths. */
export const errorBody = (
  status: number,
  error: string,
  description: string,
  headers: Readonly<Record<string, string>> = {}
) =>
  HttpServerResponse.jsonUnsafe(
    { error, error_description: description },
    { status, headers: { ...NO_STORE, ...headers } }
  )

/** The database did not answer; what the caller holds may be perfectly good, so it must not be called invalid. */
export const unavailable = errorBody(503, "temporarily_unavailable", "try again in a few seconds", {
  "retry-after": String(RETRY_AFTER_SECONDS)
})

/** A defect: ours, and none of the caller's business. */
export const serverError = errorBody(500, "server_error", "something went wrong on our side")

/** RFC 9110 §15.5.16: what a body may be coded in is told along, and that is in nothing. */
export const UNENCODED = { "accept-encoding": "identity" }
export const unsupportedEncoding = errorBody(415, "invalid_request", "the body must not be compressed", UNENCODED)

export const notFound = HttpServerResponse.jsonUnsafe(
  { error: "not_found", error_description: "there is nothing at this path" },
  { status: 404 }
)

/** A request that no allow-list admits. It says nothing of what would be admitted. */
export const forbidden = HttpServerResponse.jsonUnsafe(
  { error: "forbidden", error_description: "this Host or Origin is not allowed here" },
  { status: 403 }
)
