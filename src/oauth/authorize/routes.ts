/** `/authorize` and `/authorize/decision`: the endpoints that a browser visits. No CORS (OAuth 2.1 §3.1). */

import { Effect } from "effect"
import { HttpRouter } from "effect/http"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { report, type StoreUnavailable } from "../../database/query.ts"
import { goTo, problem } from "../../html/page.ts"
import type { PayloadTooLarge } from "../../web/body.ts"
import { endpoint } from "../../web/endpoint.ts"
import { note } from "../../web/notes.ts"
import { RETRY_AFTER_SECONDS } from "../../web/respond.ts"
import { withParameters } from "../clients/redirectUri.ts"
import type { InvalidRequest, KeptFromClient, SentToClient, ShownToUser, SlowDown } from "../errors.ts"
import { collect, queryPairs, readForm } from "../parameters.ts"
import { RateLimits } from "../RateLimits.ts"
import { countError } from "../respond.ts"
import { conclude } from "./answer.ts"
import { Interaction } from "./Interaction.ts"
import * as Pages from "./pages.ts"
import { sendBack, validate } from "./request.ts"

type PageError =
  | ShownToUser
  | SentToClient
  | KeptFromClient
  | InvalidRequest
  | PayloadTooLarge
  | SlowDown
  | StoreUnavailable

/** Why a request was refused, for the log: our own words. */
const reasonOf = (error: PageError) => {
  switch (error._tag) {
    case "SentToClient":
    case "KeptFromClient":
      return { error: error.error._tag, error_description: error.error.description }
    case "ShownToUser":
      return { error: error.reason }
    case "invalid_request":
      return { error: error._tag, error_description: error.description }
    default:
      return { error: error._tag }
  }
}

const render = Effect.fnUntraced(function* (error: PageError) {
  const reason = reasonOf(error)
  countError(reason.error)
  yield* note(reason)
  switch (error._tag) {
    case "SentToClient": {
      const { issuer } = yield* ServerConfig
      return goTo(
        withParameters(error.redirectUri, {
          error: error.error._tag,
          error_description: error.error.description,
          state: error.state,
          iss: issuer
        })
      )
    }
    case "KeptFromClient":
      return yield* Pages.keptFromClient(error.error)
    case "ShownToUser":
      return yield* Pages.refusal(error.reason)
    case "invalid_request":
      return yield* problem({
        status: 400,
        title: "Not understood",
        explanation: `The request is not valid: ${error.description}.`
      })
    case "payload_too_large":
      return yield* problem({
        status: 413,
        title: "Too large",
        explanation: "The request is larger than this server accepts."
      })
    case "slow_down":
      return yield* problem({
        status: 429,
        title: "Too many requests",
        explanation: "Wait a moment, then start again from the app.",
        headers: { "retry-after": String(error.retryAfterSeconds) }
      })
    case "StoreUnavailable":
      yield* report(error)
      return yield* problem({
        status: 503,
        title: "Not available",
        explanation: "The server cannot reach its database. Try again in a moment.",
        headers: { "retry-after": String(RETRY_AFTER_SECONDS) }
      })
  }
})

/** Answers every error as a person in front of a browser can read it, or as the client that sent them here. */
const answerErrors = Effect.catch(render)

const authorize = Effect.fnUntraced(function* (pairs: Iterable<readonly [string, string]>) {
  const interaction = yield* Interaction
  const request = yield* validate(pairs)
  const outcome = yield* Effect.catchTag(interaction.begin(request), ["consent_required", "login_required"], (error) =>
    sendBack(request, error)
  )
  return outcome._tag === "Asked" ? outcome.response : goTo(yield* conclude(outcome.decision))
})

const decide = Effect.gen(function* () {
  const interaction = yield* Interaction
  const { parameters } = collect(yield* readForm)
  return goTo(yield* conclude(yield* interaction.resume(parameters)))
})

export const AuthorizeRoutes = HttpRouter.use(
  Effect.fn("AuthorizeRoutes")(function* (router) {
    const limits = yield* RateLimits
    const limited = <A, E, R>(handler: Effect.Effect<A, E, R>) => Effect.andThen(limits.authorize, handler)

    yield* endpoint(router, "/authorize", {
      GET: Effect.flatMap(queryPairs, authorize).pipe(limited, answerErrors),
      POST: Effect.flatMap(readForm, authorize).pipe(limited, answerErrors)
    })
    yield* endpoint(router, "/authorize/decision", { POST: decide.pipe(limited, answerErrors) })
  })
)
