/** Who is at the browser: the cookie that says so, the forms that only they can send, and who may see which page. */

import { Duration, Effect, Redacted } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig, type ServerConfigShape } from "../config/ServerConfig.ts"
import type { Parameters } from "../oauth/parameters.ts"
import { isMarkOf, markOf } from "../oauth/tokens/mark.ts"
import { ServerKeys } from "../oauth/tokens/ServerKeys.ts"
import { BrowserSessions, type SignedIn } from "../people/BrowserSessions.ts"
import { BROWSER_LIFETIMES, type Browser, FRESH_SECONDS, type Visit } from "../people/browserSessions.sql.ts"
import type { Actor } from "../people/people.sql.ts"
import { callerAddress } from "../web/clientAddress.ts"
import { note } from "../web/notes.ts"
import { postedByUs } from "../web/origins.ts"
import { FormForeign, NotAllowed, NotFresh, SignedOut } from "./errors.ts"

// --- The cookie ---------------------------------------------------------------------------------------------------

export const attributesOf = ({ issuer }: ServerConfigShape) =>
  ({ httpOnly: true, sameSite: "lax", path: "/", secure: issuer.startsWith("https:") }) as const

/** `__Host-` binds it to this very origin; it needs TLS, which only localhost may lack. Lax, since apps send people here. */
export const cookieName = (config: ServerConfigShape, purpose?: string) =>
  `${attributesOf(config).secure ? "__Host-" : ""}gatehouse${purpose === undefined ? "" : `-${purpose}`}`

/** Signs the browser in: the answer gives it the token of its session. */
export const withSession = Effect.fnUntraced(function* (
  response: HttpServerResponse.HttpServerResponse,
  { token }: SignedIn
) {
  const config = yield* ServerConfig
  // As long as any session may last; the database says when this one ends.
  const maxAge = Duration.seconds(BROWSER_LIFETIMES.member.absolute)
  return HttpServerResponse.setCookieUnsafe(response, cookieName(config), Redacted.value(token), {
    ...attributesOf(config),
    maxAge
  })
})

export const withoutSession = Effect.fnUntraced(function* (response: HttpServerResponse.HttpServerResponse) {
  const config = yield* ServerConfig
  return HttpServerResponse.expireCookieUnsafe(response, cookieName(config), attributesOf(config))
})

// --- Who it is ----------------------------------------------------------------------------------------------------

/** Who is signed in with this browser, if anybody is. */
export const visit = Effect.gen(function* () {
  const token = (yield* HttpServerRequest.HttpServerRequest).cookies[cookieName(yield* ServerConfig)]
  if (token === undefined) return undefined
  const sessions = yield* BrowserSessions
  const found = yield* sessions.find(Redacted.make(token))
  if (found !== undefined) yield* note({ person: found.person.id })
  return found
})

/** What is noted of the browser that signs in. */
export const browser = Effect.gen(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  return { userAgent: request.headers["user-agent"] ?? "", address: yield* callerAddress } satisfies Browser
})

/** A signed-in person as the events name whoever did something. */
export const actorOf = Effect.fnUntraced(function* ({ person }: Visit) {
  return { id: person.id, address: yield* callerAddress } satisfies Actor
})

/** The person, or the way to the sign-in page and back. */
export const signedIn = Effect.gen(function* () {
  return (yield* visit) ?? (yield* new SignedOut())
})

/** A person who has just signed in (ASVS 7.5.1): what they change here may lock somebody out, or let somebody in. */
export const fresh = Effect.gen(function* () {
  const visit = yield* signedIn
  return isFresh(visit) ? visit : yield* new NotFresh()
})
export const isFresh = ({ session }: Visit): boolean => session.age <= FRESH_SECONDS

export const owner = Effect.gen(function* () {
  const visit = yield* signedIn
  return visit.person.role === "owner" ? visit : yield* new NotAllowed({ visit })
})

export const freshOwner = Effect.andThen(owner, fresh)

// --- Forms that only they can send --------------------------------------------------------------------------------

const PAGE_MARK = "page"

/** The hidden field of every form that a signed-in person sends. It outlives a fresh sign-in of the same browser. */
export const csrfTokenOf = Effect.fnUntraced(function* ({ session }: Visit) {
  return markOf(yield* ServerKeys, PAGE_MARK, session.id)
})

/** That a form was sent by a page of ours; whoever is not signed in has nothing to lose but that. */
export const sentByUs = Effect.gen(function* () {
  if (!postedByUs(yield* ServerConfig, yield* HttpServerRequest.HttpServerRequest)) return yield* new FormForeign()
})

/** That a form was made for this very browser. */
export const sentBy = Effect.fnUntraced(function* ({ session }: Visit, form: Parameters) {
  yield* sentByUs
  const isOurs = isMarkOf(yield* ServerKeys, form.get("csrf_token") ?? "", PAGE_MARK, session.id)
  if (!isOurs) return yield* new FormForeign()
})

// --- Where they were going ----------------------------------------------------------------------------------------

/**
 * A path of ours that somebody may be sent to after signing in, as it stands in a form or an address. Anything else is
 * the start page: nobody is led away from here by a link to here.
 */
export const returnTo = (value: string | undefined): string => {
  const base = "https://gatehouse.invalid"
  if (value === undefined || !/^\/[\x21-\x7e]*$/.test(value) || !URL.canParse(value, base)) return "/"
  const url = new URL(value, base)
  // A path that begins with two slashes, as dots may make it, is another host to a browser.
  return url.origin === base && !/^\/(\/|log(in|out)\b)/.test(url.pathname) ? `${url.pathname}${url.search}` : "/"
}

/** The sign-in page, which leads back to `path`; `again` also where somebody is signed in already. */
export const loginPath = (
  path: string,
  { again = false, email }: { again?: boolean; email?: string | undefined } = {}
): string => {
  const query = new URLSearchParams({ return_to: path })
  if (again) query.set("again", "1")
  if (email !== undefined) query.set("email", email)
  return `/login?${query}`
}
