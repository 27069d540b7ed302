/** What follows when somebody has proved who they are, whichever way. */

import { Duration, Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { BrowserSessions } from "../people/BrowserSessions.ts"
import type { SignInMethod } from "../people/person.ts"
import { Throttle } from "../people/Throttle.ts"
import { signIns } from "../telemetry/counts.ts"
import { SignedOut } from "./errors.ts"
import { attributesOf, browser, cookieName, visit, withSession } from "./visitor.ts"

/** The cookie by which a browser is known that somebody signed in with before: it is never made to wait for what others try. */
const KNOWN = "known"
const KNOWN_FOR = Duration.days(365)

/** The mark of this browser, if it has one. */
export const knownMark = Effect.gen(function* () {
  const config = yield* ServerConfig
  return (yield* HttpServerRequest.HttpServerRequest).cookies[cookieName(config, KNOWN)]
})

/**
 * Signs a person in with this browser, under a new token in any case (ASVS 7.2.4): the session that it has with them goes
 * on, and one that it has with somebody else ends.
 */
export const signIn = Effect.fn("pages.signIn")(function* (
  personId: string,
  method: SignInMethod,
  response: HttpServerResponse.HttpServerResponse
) {
  const sessions = yield* BrowserSessions
  const config = yield* ServerConfig
  const throttle = yield* Throttle
  const before = yield* visit
  const here = yield* browser
  const isSame = before?.person.id === personId
  const goesOn = isSame ? yield* sessions.confirm(before.session.id, method, here) : undefined
  const signedIn = goesOn ?? (yield* sessions.begin(personId, method, here, isSame ? undefined : before))
  // They were disabled a moment ago.
  if (signedIn === undefined) return yield* new SignedOut()
  const known = HttpServerResponse.setCookieUnsafe(response, cookieName(config, KNOWN), throttle.markFor(personId), {
    ...attributesOf(config),
    maxAge: KNOWN_FOR
  })
  signIns.of(method, "ok").value++
  return yield* withSession(known, signedIn)
})

/** Somebody could not prove who they are. */
export const signInFailed = (method: SignInMethod) =>
  Effect.sync(() => {
    signIns.of(method, "failed").value++
  })
