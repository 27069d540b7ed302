/** A page as a route: what every handler of ours may fail with, and what a person sees then. */

import { Effect } from "effect"
import { type HttpRouter, HttpServerRequest, type HttpServerResponse } from "effect/http"
import { report, type StoreUnavailable } from "../database/query.ts"
import { goTo, type Place, problem } from "../html/page.ts"
import { InvalidRequest, type SlowDown } from "../oauth/errors.ts"
import { collect, type Parameters, queryPairs, readForm } from "../oauth/parameters.ts"
import type { ServerKeys } from "../oauth/tokens/ServerKeys.ts"
import type { Visit } from "../people/browserSessions.sql.ts"
import type { LastOwner, LinkSpent } from "../people/People.ts"
import type { PasskeyRefused } from "../people/passkeys/Passkeys.ts"
import type { Busy } from "../people/passwords/argon2id.ts"
import type { PayloadTooLarge } from "../web/body.ts"
import { endpoint } from "../web/endpoint.ts"
import { note } from "../web/notes.ts"
import { errorBody, RETRY_AFTER_SECONDS } from "../web/respond.ts"
import type { FormForeign, NotAllowed, NotFresh, NotThere, Refused, SignedOut } from "./errors.ts"
import { csrfTokenOf, loginPath } from "./visitor.ts"

export type PageError =
  | SignedOut
  | NotFresh
  | NotAllowed
  | FormForeign
  | NotThere
  | Refused
  | LinkSpent
  | LastOwner
  | Busy
  | PasskeyRefused
  | InvalidRequest
  | PayloadTooLarge
  | SlowDown
  | StoreUnavailable

type Response = HttpServerResponse.HttpServerResponse
type Handler<R> = Effect.Effect<Response, PageError, R>

/** What an error says, and how. */
const PROBLEMS = {
  NotAllowed: {
    status: 403,
    title: "For owners",
    explanation: "This page is for the owners of this server.",
    next: { href: "/account", label: "Your account" }
  },
  FormForeign: {
    status: 403,
    title: "Not your form",
    explanation: "This form was not opened by you in this browser, or you signed in again since. Open the page anew.",
    next: { href: "/", label: "Start page" }
  },
  NotThere: {
    status: 404,
    title: "Not there",
    explanation: "What you are looking for is not there, or no longer.",
    next: { href: "/", label: "Start page" }
  },
  LinkSpent: {
    status: 410,
    title: "This link is used up",
    explanation:
      "The link was used before, has expired, or a newer one took its place. Ask whoever sent it for another.",
    next: { href: "/login", label: "Sign in" }
  },
  LastOwner: {
    status: 409,
    title: "The last owner",
    explanation: "Nobody would own this server any more. Make somebody else an owner first.",
    next: { href: "/admin", label: "People" }
  }
} as const

/** What the other errors say. */
const explain = (error: PageError) => {
  switch (error._tag) {
    case "SignedOut":
      return {
        status: 401,
        title: "Signed out",
        explanation: "You are not signed in any more. Sign in, then try again."
      }
    case "NotFresh":
      return { status: 401, title: "Confirm that it is you", explanation: "Sign in again, then try once more." }
    case "PasskeyRefused":
      return { status: 403, title: "That passkey was not accepted", explanation: error.why }
    case "Refused":
      return { status: 409, title: "That cannot be done", explanation: error.explanation }
    case "invalid_request":
      return { status: 400, title: "Not understood", explanation: `The form is not valid: ${error.description}.` }
    case "payload_too_large":
      return { status: 413, title: "Too large", explanation: "That is more than this server accepts." }
    case "slow_down":
      return {
        status: 429,
        title: "Too many tries",
        explanation: `Wait ${error.retryAfterSeconds} seconds, then try again.`,
        headers: { "retry-after": String(error.retryAfterSeconds) }
      }
    case "Busy":
      return {
        status: 503,
        title: "Many people at once",
        explanation: "Too many people are signing in at this moment. Try again in a few seconds.",
        headers: { "retry-after": String(RETRY_AFTER_SECONDS) }
      }
    case "StoreUnavailable":
      return {
        status: 503,
        title: "Not available",
        explanation: "The server cannot reach its database. Try again in a moment.",
        headers: { "retry-after": String(RETRY_AFTER_SECONDS) }
      }
    default:
      return PROBLEMS[error._tag]
  }
}

/** For the log: our own words. */
const noted = (error: PageError) =>
  error._tag === "StoreUnavailable"
    ? report(error)
    : note({ error: error._tag, error_description: explain(error).explanation })

/** An error as a page; whoever has to sign in is led there, and from there to `page`. */
export const asPage = (page: string) =>
  Effect.catch(
    Effect.fnUntraced(function* (error: PageError) {
      yield* noted(error)
      if (error._tag === "SignedOut") return goTo(loginPath(page))
      if (error._tag === "NotFresh") return goTo(loginPath(page, { again: true }))
      return yield* problem({
        ...explain(error),
        signedIn: error._tag === "NotAllowed" ? yield* frameOf(error.visit) : undefined
      })
    })
  )

/** The same for the script of a page, which shows `error_description`. */
const asJson = Effect.catch((error: PageError) => {
  const { status, explanation, ...rest } = explain(error)
  return Effect.as(noted(error), errorBody(status, error._tag, explanation, "headers" in rest ? rest.headers : {}))
})

/** Postgres keeps no NUL in a text, and nobody types one. */
export const storable = (parameters: Parameters) =>
  [...parameters.values()].some((value) => value.includes("\0"))
    ? Effect.fail(new InvalidRequest({ description: "a value holds a NUL" }))
    : Effect.succeed(parameters)

/** The posted form: each of its fields once, an empty one as if absent. */
export const form: Effect.Effect<Parameters, InvalidRequest | PayloadTooLarge, HttpServerRequest.HttpServerRequest> =
  Effect.flatMap(readForm, (pairs) => storable(collect(pairs).parameters))

/** What stands behind the question mark. */
export const query = Effect.flatMap(queryPairs, (pairs) => storable(collect(pairs).parameters))

/** The frame of a page that a signed-in person sees. */
export const frameOf = Effect.fnUntraced(function* (visit: Visit, current?: Place) {
  const { name, role } = visit.person
  return { name, role, current, csrfToken: yield* csrfTokenOf(visit) }
})

interface Handlers<Shown, Sent> {
  readonly GET?: Handler<Shown>
  readonly POST?: Handler<Sent>
  /** The page that the form stands on, where that is another path. */
  readonly page?: string
}

/** Adds a page and its forms to the router. No other origin reads it, and its errors are pages. */
export const route = <Shown = never, Sent = never>(
  router: HttpRouter.HttpRouter,
  path: HttpRouter.PathInput,
  { GET, POST, page }: Handlers<Shown, Sent>
) => {
  const back = HttpServerRequest.HttpServerRequest.useSync(({ url }) => page ?? url)
  const answered = <R>(handler: Handler<R>) => Effect.flatMap(back, (path) => asPage(path)(handler))
  return endpoint<Shown | Sent | HttpServerRequest.HttpServerRequest | ServerKeys>(router, path, {
    ...(GET === undefined ? {} : { GET: answered(GET) }),
    ...(POST === undefined ? {} : { POST: answered(POST) })
  })
}

/** Adds what the script of a page calls: JSON in, JSON out. */
export const scriptRoute = <R = never>(router: HttpRouter.HttpRouter, path: HttpRouter.PathInput, POST: Handler<R>) =>
  endpoint(router, path, { POST: asJson(POST) })
