/** `/authorize` and `/authorize/decision`: the endpoints that a browser visits. No CORS (OAuth 2.1 §3.1). */

import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig, type ServerConfigShape } from "../../config/ServerConfig.ts"
import { type PayloadTooLarge, readForm } from "../../web/body.ts"
import { clientAddress } from "../../web/clientAddress.ts"
import { endpoint } from "../../web/endpoint.ts"
import type { ClientDocuments } from "../clients/ClientDocuments.ts"
import type { ClientRegistry } from "../clients/ClientRegistry.ts"
import { withParameters } from "../clients/redirectUri.ts"
import { InvalidRequest, type SentToClient, ShownToUser, type SlowDown, type StoreUnavailable } from "../errors.ts"
import type { TokenStore } from "../grants/TokenStore.ts"
import { collect } from "../parameters.ts"
import { RateLimits } from "../RateLimits.ts"
import { RETRY_AFTER_SECONDS } from "../respond.ts"
import { ScopeCatalogue } from "../ScopeCatalogue.ts"
import type { ServerKeys } from "../tokens/ServerKeys.ts"
import { isBrowserId, newBrowserId } from "./consentForm.ts"
import * as Pages from "./pages.ts"
import * as Authorize from "./request.ts"

/** `__Host-` binds the cookie to this very origin; it needs TLS, which only localhost may lack. */
const cookieOf = (config: ServerConfigShape) => {
  const secure = config.issuer.startsWith("https:")
  return {
    name: secure ? "__Host-gatehouse" : "gatehouse",
    options: { httpOnly: true, sameSite: "lax", path: "/", secure } as const
  }
}

const redirect = (location: string) =>
  // 303 and never 307: the browser must not post the form again to the client (OAuth 2.1 §7.5.3).
  HttpServerResponse.redirect(location, { status: 303, headers: Pages.PAGE_HEADERS })

const answerErrors =
  (config: ServerConfigShape) =>
  <R>(
    handler: Effect.Effect<
      HttpServerResponse.HttpServerResponse,
      ShownToUser | SentToClient | InvalidRequest | PayloadTooLarge | SlowDown | StoreUnavailable,
      R
    >
  ) =>
    Effect.catch(handler, (error) => {
      switch (error._tag) {
        case "SentToClient":
          return Effect.succeed(
            redirect(
              withParameters(error.redirectUri, {
                error: error.error._tag,
                error_description: error.error.description,
                state: error.state,
                iss: config.issuer
              })
            )
          )
        case "ShownToUser":
          return Effect.succeed(Pages.problem(error.status, error.title, error.explanation))
        case "invalid_request":
          return Effect.succeed(Pages.problem(400, "Not understood", `The request is not valid: ${error.description}.`))
        case "payload_too_large":
          return Effect.succeed(Pages.problem(413, "Too large", "The request is larger than this server accepts."))
        case "slow_down":
          return Effect.succeed(
            Pages.problem(429, "Too many requests", "Wait a moment, then start again from the app.", {
              "retry-after": String(error.retryAfterSeconds)
            })
          )
        case "StoreUnavailable":
          return Effect.as(
            Effect.logError("the database did not answer", error),
            Pages.problem(503, "Not available", "The server cannot reach its database. Try again in a moment.", {
              "retry-after": String(RETRY_AFTER_SECONDS)
            })
          )
      }
    })

/** A posted decision must come from our own page. A page under `no-referrer` sends `Origin: null`. */
const fromOurPage = (config: ServerConfigShape, { headers }: HttpServerRequest.HttpServerRequest) => {
  const origin = headers.origin
  const site = headers["sec-fetch-site"]
  const sameOrigin = site === undefined || site === "same-origin" || site === "none"
  const ours = origin === undefined || origin === "null" || origin === config.issuer
  return sameOrigin && (ours || origin === `${new URL(config.issuer).protocol}//${headers.host}`)
}

export const AuthorizeRoutes = HttpRouter.use(
  Effect.fn("AuthorizeRoutes")(function* (router) {
    const config = yield* ServerConfig
    const limits = yield* RateLimits
    const services = yield* Effect.context<
      ServerConfig | ScopeCatalogue | ClientDocuments | ClientRegistry | ServerKeys | TokenStore
    >()
    const cookie = cookieOf(config)

    const authorize = Effect.fnUntraced(function* (pairs: Iterable<readonly [string, string]>) {
      const request = yield* HttpServerRequest.HttpServerRequest
      const authorization = yield* Authorize.validate(pairs)
      if (config.autoApprove) return redirect(yield* Authorize.approveAtOnce(authorization))
      const known = request.cookies[cookie.name]
      const browserId = isBrowserId(known) ? known : newBrowserId()
      const fields = yield* Authorize.askConsent(authorization, browserId)
      return HttpServerResponse.setCookieUnsafe(
        Pages.consent(authorization, yield* ScopeCatalogue, fields),
        cookie.name,
        browserId,
        cookie.options
      )
    })

    const decide = Effect.fnUntraced(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const { parameters } = collect(yield* readForm())
      const browserId = request.cookies[cookie.name]
      const decision = parameters.get("decision")
      if (!fromOurPage(config, request) || !isBrowserId(browserId)) {
        return yield* new ShownToUser({
          status: 403,
          title: "Not your request",
          explanation: "This form was not opened in this browser. Start again from the app, with cookies allowed."
        })
      }
      if (decision !== "approve" && decision !== "deny") {
        return yield* new InvalidRequest({ description: "decision is neither approve nor deny" })
      }
      return redirect(
        yield* Authorize.decide({
          transaction: parameters.get("transaction") ?? "",
          csrfToken: parameters.get("csrf_token") ?? "",
          browserId,
          approved: decision === "approve"
        })
      )
    })

    const limited = <A, E, R>(handler: Effect.Effect<A, E, R>) =>
      HttpServerRequest.HttpServerRequest.use((request) =>
        Effect.andThen(limits.authorize(clientAddress(config.trustedProxies, request)), handler)
      ).pipe(Effect.provideContext(services))

    yield* endpoint(router, "/authorize", {
      GET: HttpServerRequest.HttpServerRequest.use((request) =>
        authorize(new URLSearchParams(request.url.split("?").slice(1).join("?")))
      ).pipe(limited, answerErrors(config)),
      POST: Effect.flatMap(readForm(), authorize).pipe(limited, answerErrors(config))
    })
    yield* endpoint(router, "/authorize/decision", { POST: decide().pipe(limited, answerErrors(config)) })
  })
)
