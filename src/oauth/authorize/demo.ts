/** The interaction until there are people: everybody is the same one, who is asked for consent and for nothing else. */

import { Clock, Duration, Effect, Option, Redacted } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig, type ServerConfigShape } from "../../config/ServerConfig.ts"
import { postedByUs } from "../../web/origins.ts"
import { ConsentRequired, InvalidRequest, LoginRequired, ShownToUser } from "../errors.ts"
import type { Parameters } from "../parameters.ts"
import { ScopeCatalogue } from "../scope.ts"
import { DEMO_SUBJECT } from "../subject.ts"
import { ServerKeys } from "../tokens/ServerKeys.ts"
import * as ConsentForm from "./consentForm.ts"
import { type Decision, Interaction, type Outcome } from "./Interaction.ts"
import * as Pages from "./pages.ts"
import type { AuthorizationRequest } from "./request.ts"

/** Of how many open forms a browser keeps the cookies, which it sends with every request. */
const MOST_FORMS = 10

/** The cookies of forms. `__Host-` binds them to this very origin; it needs TLS, which only localhost may lack. */
const cookiesOf = ({ issuer }: ServerConfigShape) => {
  const secure = issuer.startsWith("https:")
  const prefix = secure ? "__Host-gatehouse-" : "gatehouse-"
  const attributes = { httpOnly: true, sameSite: "lax", path: "/", secure } as const
  const lifetime = { ...attributes, maxAge: Duration.seconds(ConsentForm.FORM_LIFETIME_SECONDS) }
  const nameOf = (shortId: string) => prefix + shortId
  const isOurs = (name: string) => name.startsWith(prefix) && ConsentForm.isShortId(name.slice(prefix.length))
  return {
    nameOf,
    /** Gives the browser the cookie of a form, and takes the oldest of others away that are too many. */
    give: (
      response: HttpServerResponse.HttpServerResponse,
      shortId: string,
      browserId: string,
      sent: Readonly<Record<string, string>>
    ) => {
      // A browser sends the oldest first (RFC 6265 §5.4).
      return Object.keys(sent)
        .filter(isOurs)
        .slice(0, 1 - MOST_FORMS)
        .reduce(
          (response, name) => HttpServerResponse.expireCookieUnsafe(response, name, attributes),
          HttpServerResponse.setCookieUnsafe(response, nameOf(shortId), browserId, lifetime)
        )
    }
  }
}

const decisionOf = (
  transaction: ConsentForm.Transaction,
  isApproved: boolean,
  secret: Redacted.Redacted | undefined
): Decision => ({
  request: ConsentForm.pendingOf(transaction, secret),
  consent: isApproved
    ? { subject: DEMO_SUBJECT, authTime: undefined, scopes: transaction.scopes, along: Effect.void }
    : undefined
})

export const makeDemo = Effect.gen(function* () {
  const config = yield* ServerConfig
  const keys = yield* ServerKeys
  const catalogue = yield* ScopeCatalogue
  const cookies = cookiesOf(config)

  const begin = Effect.fn("demo.begin")(function* (request: AuthorizationRequest) {
    // Nobody can sign in here, so nobody becomes whom an ID token names (OpenID Connect Core §3.1.2.1).
    if ((request.hintedSubject ?? DEMO_SUBJECT) !== DEMO_SUBJECT) {
      return yield* new LoginRequired({ description: "id_token_hint is about somebody who cannot sign in here" })
    }
    const key = keys.signing()
    const transaction = ConsentForm.begin(request, key, yield* Clock.currentTimeMillis)
    if (config.autoApprove) {
      return { _tag: "Decided", decision: decisionOf(transaction, true, undefined) } satisfies Outcome
    }
    // Nobody can have consented before.
    if (request.prompt.includes("none")) {
      return yield* new ConsentRequired({ description: "consent has to be asked for" })
    }
    const sent = yield* HttpServerRequest.HttpServerRequest
    const browserId = ConsentForm.newBrowserId()
    const page = yield* Pages.consent(request, catalogue.current(), ConsentForm.fieldsOf(transaction, key, browserId))
    const response = cookies.give(page, ConsentForm.shortId(transaction), browserId, sent.cookies)
    return { _tag: "Asked", response } satisfies Outcome
  })

  const resume = Effect.fn("demo.resume")(function* (answer: Parameters) {
    const request = yield* HttpServerRequest.HttpServerRequest
    if (!postedByUs(config, request)) return yield* new ShownToUser({ reason: "form_foreign" })
    const decision = answer.get("decision")
    if (decision !== "approve" && decision !== "deny") {
      return yield* new InvalidRequest({ description: "decision is neither approve nor deny" })
    }
    const form = { transaction: answer.get("transaction") ?? "", csrfToken: answer.get("csrf_token") ?? "" }
    const browserIdOf = (shortId: string) => request.cookies[cookies.nameOf(shortId)]
    const read = ConsentForm.read(form, browserIdOf, keys.byId)
    if (Option.isNone(read)) return yield* new ShownToUser({ reason: "form_foreign" })
    if (read.value.expires_at < (yield* Clock.currentTimeMillis)) {
      return yield* new ShownToUser({ reason: "form_expired" })
    }
    return decisionOf(read.value, decision === "approve", Redacted.make(form.csrfToken))
  })

  return Interaction.of({ begin, resume })
})
