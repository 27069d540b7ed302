/** The one place where a typed error of the protocol becomes `error`, `error_description` and a status. */

import { Effect } from "effect"
import type { HttpServerResponse } from "effect/http"
import { report, type StoreUnavailable } from "../database/query.ts"
import { oauthErrors } from "../telemetry/counts.ts"
import type { PayloadTooLarge } from "../web/body.ts"
import { note } from "../web/notes.ts"
import { errorBody, RETRY_AFTER_SECONDS, unavailable } from "../web/respond.ts"
import { currentRoute } from "../web/route.ts"
import type { RegistrationError, TokenError } from "./errors.ts"

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
  temporarily_unavailable: 503,
  slow_down: 429
} satisfies Record<EndpointError["_tag"], number>

const BASIC_CHALLENGE = 'Basic realm="gatehouse", charset="UTF-8"'

const headersOf = (error: EndpointError): Readonly<Record<string, string>> => {
  switch (error._tag) {
    case "invalid_client":
      // RFC 6749 §5.2: the challenge is owed to a client that tried the Authorization header.
      return error.basic ? { "www-authenticate": BASIC_CHALLENGE } : {}
    case "invalid_token":
      // RFC 6750 §3.1, for the tokens of registrations.
      return { "www-authenticate": `Bearer error="${error._tag}"` }
    case "slow_down":
      return { "retry-after": String(error.retryAfterSeconds) }
    case "temporarily_unavailable":
      return { "retry-after": String(RETRY_AFTER_SECONDS) }
    default:
      return {}
  }
}

const render = (error: EndpointError | PayloadTooLarge) =>
  error._tag === "payload_too_large"
    ? errorBody(413, "invalid_request", "the body is too large")
    : errorBody(STATUS[error._tag], error._tag, error.description, headersOf(error))

/** What an operator may read of a refusal: our own words for it, and never what was presented. */
const noted = (error: EndpointError | PayloadTooLarge) =>
  note(
    error._tag === "payload_too_large"
      ? { error: error._tag }
      : { error: error._tag, error_description: error.description }
  )

/** Counts a refusal of the endpoint that is at work, by a word of ours. */
export const countError = (error: string): void => {
  oauthErrors.of(currentRoute(), error).value++
}

/**
 * Answers every error of an OAuth endpoint, and says in the request's line of the log why it was refused. A new error type
 * does not compile until it is given a status above.
 */
export const answerErrors = <R>(
  handler: Effect.Effect<HttpServerResponse.HttpServerResponse, EndpointError | PayloadTooLarge | StoreUnavailable, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> =>
  Effect.catch(handler, (error) => {
    countError(error._tag)
    return error._tag === "StoreUnavailable"
      ? Effect.as(report(error), unavailable)
      : Effect.as(noted(error), render(error))
  })
