/** People who are there already, and their browsers, for suites that are about something else than how they came in. */

import { randomBytes } from "node:crypto"
import { Effect, Redacted } from "effect"
import { BrowserSessions } from "../../src/people/BrowserSessions.ts"
import { People } from "../../src/people/People.ts"
import type { Role, SignInMethod } from "../../src/people/person.ts"
import { type Answer, request } from "./client.ts"

const BROWSER = {
  userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
  address: "192.0.2.1"
}
const NOBODY = { id: undefined, address: undefined }

/** Somebody new: the first owner by the set-up link, everybody else by an invitation. */
export const somebody = Effect.fn("test.somebody")(function* (name: string, role: Role = "owner") {
  const people = yield* People
  const email = `${name.toLowerCase()}@people.example`
  const isFirst = !(yield* people.isSetUp)
  const code = yield* isFirst ? people.setupLink : people.invite(email, role, NOBODY)
  const introduction = { name, email, webauthnId: randomBytes(32) }
  const kind = isFirst ? "setup" : "invitation"
  return yield* people.enrol(kind, code ?? Redacted.make(""), introduction, () => Effect.void, BROWSER.address)
})

/** A browser that a person is signed in with: the cookie that it sends. */
export const browserOf = Effect.fn("test.browserOf")(function* (personId: string, method: SignInMethod = "password") {
  const signedIn = yield* (yield* BrowserSessions).begin(personId, method, BROWSER)
  if (signedIn === undefined) return yield* Effect.die(new Error("nobody was signed in"))
  return { cookie: `gatehouse=${Redacted.value(signedIn.token)}`, sessionId: signedIn.session.id }
})

/** A page as the browser with this cookie gets it. */
export const visitPage = (path: string, cookie: string, init: RequestInit = {}) =>
  request(path, { ...init, headers: { cookie, ...init.headers } })

/** The hidden field of the forms on a page. */
export const csrfOf = (page: Answer) => /name="csrf_token" value="([^"]*)"/.exec(page.text)?.[1] ?? ""

/** Posts a form of a page as its browser would. */
export const postPage = (
  path: string,
  { cookie, csrf_token }: { readonly cookie: string; readonly csrf_token: string },
  fields: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {}
) => visitPage(path, cookie, { method: "POST", body: new URLSearchParams({ csrf_token, ...fields }), headers })

/** What the script of a page sends: JSON, with the browser's cookie if it has one. */
export const script = (path: string, body: unknown, cookie = "") =>
  request(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...(cookie === "" ? {} : { cookie }) }
  })

/** What a browser sends after an answer: all cookies that it was given. */
export const cookieOf = (answer: Answer) =>
  answer.headers
    .getSetCookie()
    .map((cookie) => cookie.split(";")[0] ?? "")
    .join("; ")
