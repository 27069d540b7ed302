/** Signing in through an upstream provider: there, and back. Links go through it too, and further accounts of a person. */

import { randomBytes } from "node:crypto"
import { Duration, Effect, Redacted } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { goTo, type ProblemOptions, problem } from "../html/page.ts"
import { queryPairs } from "../oauth/parameters.ts"
import { Identities, IdentityTaken, NotAdmitted } from "../people/Identities.ts"
import { hashOf, type LinkKind } from "../people/links.sql.ts"
import { EmailTaken, People } from "../people/People.ts"
import type { Person } from "../people/person.ts"
import { Throttle } from "../people/Throttle.ts"
import type { Identity } from "../people/upstream/identity.ts"
import { UpstreamRefused, UpstreamUnavailable } from "../people/upstream/refusals.ts"
import { CEREMONY_SECONDS, type Purpose, Upstream } from "../people/upstream/Upstream.ts"
import { callerAddress } from "../web/clientAddress.ts"
import { note } from "../web/notes.ts"
import { postedByUs } from "../web/origins.ts"
import { RETRY_AFTER_SECONDS } from "../web/respond.ts"
import { letIn, nextOf, readIntroduction } from "./enrolment.ts"
import { pathOf } from "./enrolmentPages.ts"
import { FormForeign, NotThere, Refused } from "./errors.ts"
import { form, query, route } from "./route.ts"
import { signIn, signInFailed } from "./signIn.ts"
import {
  actorOf,
  attributesOf,
  cookieName,
  fresh,
  loginPath,
  returnTo,
  sentBy,
  sentByUs,
  signedIn,
  visit
} from "./visitor.ts"

const ACCOUNT = "/account"
const KINDS = ["setup", "invitation", "reset"] as const satisfies ReadonlyArray<LinkKind>

// --- What goes wrong ----------------------------------------------------------------------------------------------

/** What somebody can do now: try again where they began. */
const wayBack = (purpose: Purpose | undefined): Pick<ProblemOptions, "next"> => {
  switch (purpose?._tag) {
    case "Link":
      return { next: { href: ACCOUNT, label: "Your account" } }
    case "Enrol":
      return {}
    case "SignIn": {
      const { returnTo, isAgain } = purpose
      return { next: { href: loginPath(returnTo, { again: isAgain }), label: "Sign in" } }
    }
    case undefined:
      return { next: { href: "/login", label: "Sign in" } }
  }
}

const PROBLEMS = [UpstreamRefused, UpstreamUnavailable, NotAdmitted, IdentityTaken, EmailTaken] as const
type Problem = InstanceType<(typeof PROBLEMS)[number]>
const isProblem = (error: unknown): error is Problem => PROBLEMS.some((kind) => error instanceof kind)

/** What a problem says. */
const explain = (error: Problem) => {
  switch (error._tag) {
    case "UpstreamRefused":
      return { status: 403, title: "Not signed in", explanation: error.explanation }
    case "NotAdmitted":
      return { status: 403, title: "Not let in", explanation: error.explanation }
    case "UpstreamUnavailable":
      return {
        status: 503,
        title: "Not available",
        explanation: `${error.label} does not answer as it should. Try again in a moment, or sign in another way.`,
        headers: { "retry-after": String(RETRY_AFTER_SECONDS) }
      }
    case "IdentityTaken":
      return { status: 409, title: "Linked already", explanation: "This account is somebody's way in here already." }
    case "EmailTaken":
      return { status: 409, title: "Here already", explanation: "Somebody with this e-mail address is here already." }
  }
}

/** Problems as pages: nothing has changed, and a link that was being followed is as good as before. */
const answered =
  (purpose: Purpose | undefined) =>
  <E, R>(effect: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.catchIf(
      effect,
      (error): error is E & Problem => isProblem(error),
      (error) => {
        const told = explain(error)
        const hasFailed = purpose?._tag === "SignIn" && error._tag !== "UpstreamUnavailable"
        const stillGood = purpose?._tag === "Enrol" ? " Your link is still good: open it again." : ""
        return Effect.andThen(
          Effect.andThen(
            hasFailed ? signInFailed("upstream") : Effect.void,
            // Who was not let in stands in the explanation, and is not for the log.
            note({ error: error._tag, error_description: error._tag === "NotAdmitted" ? told.title : told.explanation })
          ),
          problem({ ...told, explanation: told.explanation + stillGood, ...wayBack(purpose) })
        )
      }
    )

// --- There --------------------------------------------------------------------------------------------------------

/** A cookie for each sign-in, so that several tabs do not take each other's. */
const cookieOf = Effect.fnUntraced(function* (state: string) {
  return cookieName(yield* ServerConfig, `upstream-${state.slice(0, 16)}`)
})

const leave = Effect.fn("pages.upstream.leave")(function* (name: string, purpose: Purpose) {
  const config = yield* ServerConfig
  yield* (yield* Throttle).upstream(yield* callerAddress)
  const begun = yield* (yield* Upstream).begin(name, purpose)
  if (begun === undefined) return yield* new NotThere()
  return HttpServerResponse.setCookieUnsafe(
    goTo(begun.location),
    yield* cookieOf(begun.state),
    Redacted.value(begun.id),
    { ...attributesOf(config), maxAge: Duration.seconds(CEREMONY_SECONDS) }
  )
})

const nameInPath = Effect.map(HttpRouter.params, ({ name }) => name ?? "")

/** A link on a page of ours. From elsewhere somebody would be signed in who did not mean to. */
const depart = Effect.gen(function* () {
  const asked = yield* query
  const target = returnTo(asked.get("return_to"))
  const isAgain = asked.has("again")
  if (!postedByUs(yield* ServerConfig, yield* HttpServerRequest.HttpServerRequest)) {
    const next = { href: loginPath(target), label: "Sign in" }
    return yield* problem({ status: 403, title: "Begin here", explanation: "Another site sent you here.", next })
  }
  if ((yield* visit) !== undefined && !isAgain) return goTo(target)
  if (!(yield* (yield* People).isSetUp)) return goTo(pathOf("setup"))
  const purpose: Purpose = { _tag: "SignIn", returnTo: target, isAgain }
  return yield* leave(yield* nameInPath, purpose).pipe(answered(purpose))
})

/** From the page of a link: its code stays in the browser's form, and its hash goes along. */
const departFrom = (kind: LinkKind) =>
  Effect.gen(function* () {
    yield* sentByUs
    const sent = yield* form
    const { known, again } = yield* readIntroduction(kind, sent)
    if (again !== undefined) return again
    const { code, name, email } = known
    const codeHash = Buffer.from(hashOf(code)).toString("base64url")
    const purpose: Purpose = { _tag: "Enrol", kind, codeHash, name, email }
    return yield* leave(sent.get("provider") ?? "", purpose).pipe(answered(purpose))
  })

const departToLink = Effect.gen(function* () {
  const visiting = yield* fresh
  yield* sentBy(visiting, yield* form)
  const purpose: Purpose = { _tag: "Link", personId: visiting.person.id, sessionId: visiting.session.id }
  return yield* leave(yield* nameInPath, purpose).pipe(answered(purpose))
})

// --- And back -----------------------------------------------------------------------------------------------------

/** Another way in, for whoever is still signed in with the browser session that asked for it. */
const link = Effect.fnUntraced(function* (purpose: Purpose & { readonly _tag: "Link" }, identity: Identity) {
  const visiting = yield* signedIn
  if (visiting.session.id !== purpose.sessionId || visiting.person.id !== purpose.personId) {
    return yield* new FormForeign()
  }
  yield* (yield* Identities).link(purpose.personId, identity, yield* actorOf(visiting))
  return goTo(ACCOUNT)
})

/** The link's receiver is who the provider says, whatever address that has there: the link is what lets them in. */
const enrol = Effect.fnUntraced(function* (purpose: Purpose & { readonly _tag: "Enrol" }, identity: Identity) {
  const { kind, name, email } = purpose
  const identities = yield* Identities
  const address = yield* callerAddress
  const code = Buffer.from(purpose.codeHash, "base64url")
  const link = ({ id }: Person) => identities.link(id, identity, { id, address })
  const person = yield* letIn(kind, code, { name, email, webauthnId: randomBytes(32) }, link, address)
  return yield* signIn(person.id, "link", goTo(nextOf(kind, "/")))
})

const proceed = Effect.fnUntraced(function* (name: string, purpose: Purpose, identity: Identity) {
  if (purpose._tag === "Link") return yield* link(purpose, identity)
  if (purpose._tag === "Enrol") return yield* enrol(purpose, identity)
  const provider = (yield* ServerConfig).providers.find((one) => one.name === name)
  if (provider === undefined) return yield* new NotThere()
  const person = yield* (yield* Identities).admit(provider, identity, yield* callerAddress)
  return yield* signIn(person.id, "upstream", goTo(returnTo(purpose.returnTo)))
})

const arrive = Effect.gen(function* () {
  const { cookies } = yield* HttpServerRequest.HttpServerRequest
  const config = yield* ServerConfig
  const name = yield* nameInPath
  const sent = yield* queryPairs
  const cookie = yield* cookieOf(sent.get("state") ?? "")
  const upstream = yield* Upstream
  const response = yield* upstream.resume(name, Redacted.make(cookies[cookie] ?? "")).pipe(
    Effect.flatMap((ceremony) =>
      upstream.finish(name, ceremony, sent).pipe(
        Effect.flatMap((identity) => proceed(name, ceremony.purpose, identity)),
        answered(ceremony.purpose)
      )
    ),
    answered(undefined)
  )
  return cookie in cookies ? HttpServerResponse.expireCookieUnsafe(response, cookie, attributesOf(config)) : response
})

// --- Away ---------------------------------------------------------------------------------------------------------

const unlink = Effect.gen(function* () {
  const visiting = yield* fresh
  const sent = yield* form
  yield* sentBy(visiting, sent)
  const which = { issuer: sent.get("issuer") ?? "", subject: sent.get("subject") ?? "" }
  const identities = yield* Identities
  if (yield* identities.unlink(visiting.person.id, which, yield* actorOf(visiting))) return goTo(ACCOUNT)
  const left = yield* identities.list(visiting.person.id)
  const isTheirs = left.some(({ issuer, subject }) => issuer === which.issuer && subject === which.subject)
  if (!isTheirs) return yield* new NotThere()
  return yield* new Refused({ explanation: "This is the only way in that you have. Add another one first." })
})

export const UpstreamRoutes = HttpRouter.use(
  Effect.fn("UpstreamRoutes")(function* (router) {
    yield* route(router, "/login/:name", { GET: depart })
    yield* route(router, "/login/:name/callback", { GET: arrive, page: "/" })
    for (const kind of KINDS) yield* route(router, `/${kind}/provider`, { POST: departFrom(kind), page: pathOf(kind) })
    yield* route(router, "/account/identities/:name/link", { POST: departToLink, page: ACCOUNT })
    yield* route(router, "/account/identities/unlink", { POST: unlink, page: ACCOUNT })
  })
)
