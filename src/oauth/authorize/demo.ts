/** The interaction until people sign in: everybody is the same person, who is asked for consent and for nothing else. */

import { Clock, Effect, Layer, Option } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig, type ServerConfigShape } from "../../config/ServerConfig.ts"
import { postedByUs } from "../../web/origins.ts"
import { ConsentRequired, InvalidRequest, SentToClient, ShownToUser } from "../errors.ts"
import type { Parameters } from "../parameters.ts"
import { ScopeCatalogue } from "../scope.ts"
import { ServerKeys } from "../tokens/ServerKeys.ts"
import * as ConsentForm from "./consentForm.ts"
import { type Decision, Interaction, type Outcome } from "./Interaction.ts"
import * as Pages from "./pages.ts"
import type { AuthorizationRequest } from "./request.ts"

const DEMO_SUBJECT = "demo"

/** `__Host-` binds the cookie to this very origin; it needs TLS, which only localhost may lack. */
const cookieOf = ({ issuer }: ServerConfigShape) => {
  const secure = issuer.startsWith("https:")
  return {
    name: secure ? "__Host-gatehouse" : "gatehouse",
    options: { httpOnly: true, sameSite: "lax", path: "/", secure } as const
  }
}

const decisionOf = (transaction: ConsentForm.Transaction, isApproved: boolean): Decision => ({
  request: {
    form: { id: transaction.id, lifetimeSeconds: ConsentForm.FORM_LIFETIME_SECONDS },
    clientId: transaction.client_id,
    redirectUri: transaction.redirect_uri,
    state: transaction.state,
    resource: transaction.resource,
    codeChallenge: transaction.code_challenge
  },
  consent: isApproved ? { subject: DEMO_SUBJECT, scopes: transaction.scopes } : undefined
})

export const DemoInteraction = Layer.effect(
  Interaction,
  Effect.gen(function* () {
    const config = yield* ServerConfig
    const keys = yield* ServerKeys
    const catalogue = yield* ScopeCatalogue
    const cookie = cookieOf(config)

    const begin = Effect.fn("demo.begin")(function* (request: AuthorizationRequest) {
      const key = keys.signing()
      const transaction = ConsentForm.begin(request, key, yield* Clock.currentTimeMillis)
      if (config.autoApprove) {
        return { _tag: "Decided", decision: decisionOf(transaction, true) } satisfies Outcome
      }
      // Nobody can have consented before.
      if (request.prompt.includes("none")) {
        const error = new ConsentRequired({ description: "consent has to be asked for" })
        return yield* new SentToClient({ redirectUri: request.redirectUri, state: request.state, error })
      }
      const { cookies } = yield* HttpServerRequest.HttpServerRequest
      const known = cookies[cookie.name]
      const browserId = ConsentForm.isBrowserId(known) ? known : ConsentForm.newBrowserId()
      const fields = ConsentForm.fieldsOf(transaction, key, browserId)
      const response = Pages.consent(request, catalogue.current(), fields)
      return {
        _tag: "Asked",
        response: HttpServerResponse.setCookieUnsafe(response, cookie.name, browserId, cookie.options)
      } satisfies Outcome
    })

    const resume = Effect.fn("demo.resume")(function* (answer: Parameters) {
      const request = yield* HttpServerRequest.HttpServerRequest
      const browserId = request.cookies[cookie.name]
      if (!postedByUs(config, request) || !ConsentForm.isBrowserId(browserId)) {
        return yield* new ShownToUser({ reason: "form_foreign" })
      }
      const decision = answer.get("decision")
      if (decision !== "approve" && decision !== "deny") {
        return yield* new InvalidRequest({ description: "decision is neither approve nor deny" })
      }
      const form = {
        transaction: answer.get("transaction") ?? "",
        csrfToken: answer.get("csrf_token") ?? "",
        browserId
      }
      const read = ConsentForm.read(form, keys.byId)
      if (Option.isNone(read)) return yield* new ShownToUser({ reason: "form_foreign" })
      if (read.value.expires_at < (yield* Clock.currentTimeMillis)) {
        return yield* new ShownToUser({ reason: "form_expired" })
      }
      return decisionOf(read.value, decision === "approve")
    })

    return Interaction.of({ begin, resume })
  })
)
