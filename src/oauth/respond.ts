/** The one place where a typed error becomes `error`, `error_description` and a status. */

import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import type { PayloadTooLarge } from "../web/body.ts"
import type { RegistrationError, StoreUnavailable, TokenError } from "./errors.ts"

/** RFC 6749 §5.1: nothing that carries or refuses credentials may be kept by a cache. */
export const NO_STORE = { "cache-control": "no-store", pragma: "no-cache" }
export const RETRY_AFTER_SECONDS = 5

/** What the endpoints that programs call may fail with. */
export type EndpointError = TokenError | RegistrationError

const STATUS = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_scope: 400,
  invalid_target: 400,
  invalid_redirect_uri: 400,
  invalid_client_metadata: 400,
  invalid_token: 401,
  slow_down: 429
} satisfies Record<EndpointError["_tag"], number>

const errorBody = (
  status: number,
  error: string,
  description: string,
  headers: Readonly<Record<string, string>> = {}
) =>
  HttpServerResponse.jsonUnsafe(
    { error, error_description: description },
    { status, headers: { ...NO_STORE, ...headers } }
  )

const render = (error: EndpointError | PayloadTooLarge) => {
  switch (error._tag) {
    case "payload_too_large":
      return errorBody(413, "invalid_request", "the body is too large")
    case "invalid_client":
      // RFC 6749 §5.2: the challenge is owed to a client that tried the Authorization header.
      return errorBody(401, error._tag, error.description, error.basic ? { "www-authenticate": CHALLENGE } : {})
    case "invalid_token":
      // RFC 6750 §3.1, for the tokens of registrations.
      return errorBody(STATUS[error._tag], error._tag, error.description, {
        "www-authenticate": `Bearer error="${error._tag}"`
      })
    case "slow_down":
      return errorBody(429, error._tag, error.description, { "retry-after": String(error.retryAfterSeconds) })
    default:
      return errorBody(STATUS[error._tag], error._tag, error.description)
  }
}

const CHALLENGE = 'Basic realm="gatehouse", charset="UTF-8"'

/** The database did not answer; what the caller holds may be perfectly good, so it must not be called invalid. */
export const unavailable = errorBody(503, "temporarily_unavailable", "try again in a few seconds", {
  "retry-after": String(RETRY_AFTER_SECONDS)
})

/** A defect: ours, and none of the caller's business. */
export const serverError = errorBody(500, "server_error", "something went wrong on our side")

/** Answers every error of an OAuth endpoint. A new error type does not compile until it is given a status above. */
export const answerErrors = <R>(
  handler: Effect.Effect<HttpServerResponse.HttpServerResponse, EndpointError | PayloadTooLarge | StoreUnavailable, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> =>
  Effect.catch(handler, (error) =>
    error._tag === "StoreUnavailable"
      ? Effect.as(Effect.logError("the database did not answer", error), unavailable)
      : Effect.succeed(render(error))
  )

/** A JSON answer that no cache keeps. */
export const json = (body: unknown, status = 200) => HttpServerResponse.jsonUnsafe(body, { status, headers: NO_STORE })
