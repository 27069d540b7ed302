/** The interaction of people: whoever an app sends here signs in first, and is then asked for consent, or was before. */

import { createHash } from "node:crypto"
import { Clock, Effect, Layer, Option, Redacted } from "effect"
import { HttpServerRequest } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { goTo } from "../html/page.ts"
import * as ConsentForm from "../oauth/authorize/consentForm.ts"
import { makeDemo } from "../oauth/authorize/demo.ts"
import { type Decision, Interaction, type Outcome } from "../oauth/authorize/Interaction.ts"
import type { AuthorizationRequest } from "../oauth/authorize/request.ts"
import { hostOf, isLocal } from "../oauth/clients/redirectUri.ts"
import { ConsentRequired, InvalidRequest, LoginRequired, ShownToUser } from "../oauth/errors.ts"
import type { Parameters } from "../oauth/parameters.ts"
import { ScopeCatalogue } from "../oauth/scope.ts"
import { ServerKeys } from "../oauth/tokens/ServerKeys.ts"
import { BrowserSessions } from "../people/BrowserSessions.ts"
import type { BrowserSession, Visit } from "../people/browserSessions.sql.ts"
import { ConsentStore } from "../people/ConsentStore.ts"
import { People } from "../people/People.ts"
import { postedByUs } from "../web/origins.ts"
import { consentPage, isOptional, notSetUp, tickName } from "./consentPage.ts"
import { loginPath, visit } from "./visitor.ts"

/** What binds a form to its browser, which keeps its session when its person signs in afresh. */
const bindingOf = ({ id }: BrowserSession) => createHash("sha256").update(id).digest("base64url")

/** Where somebody goes to sign in, and comes back from with the same request, except that it was done. */
const signInFirst = (request: AuthorizationRequest, again: boolean): Outcome => {
  const query = new URLSearchParams([...request.sent])
  const prompt = request.prompt.filter((value) => value !== "login" && value !== "select_account").join(" ")
  if (prompt === "") query.delete("prompt")
  else query.set("prompt", prompt)
  // Zero asks for what prompt=login does (OpenID Connect Core §3.1.2.1), and would ask for ever.
  if (request.maxAge === 0) query.delete("max_age")
  const location = loginPath(`/authorize?${query}`, { again, email: request.loginHint })
  return { _tag: "Asked", response: goTo(location) }
}

export const PeopleInteraction = Layer.effect(
  Interaction,
  Effect.gen(function* () {
    const config = yield* ServerConfig
    const keys = yield* ServerKeys
    const catalogue = yield* ScopeCatalogue
    const people = yield* People
    const consents = yield* ConsentStore
    const sessions = yield* BrowserSessions
    const demo = yield* makeDemo

    const visiting = visit.pipe(
      Effect.provideService(ServerConfig, config),
      Effect.provideService(BrowserSessions, sessions)
    )

    /** Why the person of this browser, if there is one, has to sign in for this request. */
    const mustSignIn = (request: AuthorizationRequest, visit: Visit | undefined): boolean =>
      visit === undefined ||
      request.prompt.includes("login") ||
      request.prompt.includes("select_account") ||
      visit.session.age > (request.maxAge ?? Number.POSITIVE_INFINITY) ||
      (request.hintedSubject ?? visit.person.id) !== visit.person.id

    const decisionOf = (
      transaction: ConsentForm.Transaction,
      { person, session }: Visit,
      scopes: ReadonlyArray<string> | undefined,
      secret: Redacted.Redacted | undefined
    ): Decision => {
      const asking = {
        personId: person.id,
        clientId: transaction.client_id,
        redirectHost: hostOf(transaction.redirect_uri),
        asked: transaction.scopes
      }
      // Whoever is known by a loopback address alone may be any program there, the next time.
      const remembered =
        scopes === undefined || isLocal(transaction.redirect_uri) ? Effect.void : consents.remember(asking, scopes)
      const vouched = Effect.gen(function* () {
        if (!(yield* people.vouch(person.id))) return yield* new ShownToUser({ reason: "signed_out" })
        yield* remembered
      })
      return {
        request: ConsentForm.pendingOf(transaction, secret),
        consent: scopes && { subject: person.id, authTime: session.authenticatedAt, scopes, along: vouched }
      }
    }

    const begin = Effect.fn("consent.begin")(function* (request: AuthorizationRequest) {
      if (!(yield* people.isSetUp)) {
        if (config.demoConsent) return yield* demo.begin(request)
        return { _tag: "Asked", response: yield* notSetUp } satisfies Outcome
      }
      const visit = yield* visiting
      const isSilent = request.prompt.includes("none")
      if (visit === undefined || mustSignIn(request, visit)) {
        if (isSilent) return yield* new LoginRequired({ description: "the person has to sign in" })
        return signInFirst(request, visit !== undefined)
      }
      const { person, session } = visit
      const key = keys.signing()
      const transaction = ConsentForm.begin(request, key, yield* Clock.currentTimeMillis, person.id)
      const asking = { personId: person.id, clientId: request.client.clientId, asked: request.scopes }
      const redirectHost = hostOf(request.redirectUri)
      const last = yield* consents.recall({ ...asking, redirectHost })
      if (last?.isEnough && !request.prompt.includes("consent")) {
        return {
          _tag: "Decided",
          decision: decisionOf(transaction, visit, request.scopes, undefined)
        } satisfies Outcome
      }
      if (isSilent) return yield* new ConsentRequired({ description: "consent has to be asked for" })
      const fields = ConsentForm.fieldsOf(transaction, key, bindingOf(session))
      return {
        _tag: "Asked",
        response: yield* consentPage(request, catalogue.current(), person, fields, last?.declined)
      } satisfies Outcome
    })

    const resume = Effect.fn("consent.resume")(function* (answer: Parameters) {
      if (!(yield* people.isSetUp)) return yield* demo.resume(answer)
      if (!postedByUs(config, yield* HttpServerRequest.HttpServerRequest)) {
        return yield* new ShownToUser({ reason: "form_foreign" })
      }
      const decision = answer.get("decision")
      if (decision !== "approve" && decision !== "deny") {
        return yield* new InvalidRequest({ description: "decision is neither approve nor deny" })
      }
      const visit = yield* visiting
      if (visit === undefined) return yield* new ShownToUser({ reason: "signed_out" })
      const form = { transaction: answer.get("transaction") ?? "", csrfToken: answer.get("csrf_token") ?? "" }
      const read = Option.filter(
        ConsentForm.read(form, () => bindingOf(visit.session), keys.byId),
        ({ subject }) => subject === visit.person.id
      )
      if (Option.isNone(read)) return yield* new ShownToUser({ reason: "form_foreign" })
      const transaction = read.value
      if (transaction.expires_at < (yield* Clock.currentTimeMillis)) {
        return yield* new ShownToUser({ reason: "form_expired" })
      }
      const ticked = transaction.scopes.filter((scope) => !isOptional(scope) || answer.has(tickName(scope)))
      const granted = decision === "approve" ? ticked : undefined
      return decisionOf(transaction, visit, granted, Redacted.make(form.csrfToken))
    })

    return Interaction.of({ begin, resume })
  })
)
