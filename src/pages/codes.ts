/** `/account/codes`: ten recovery codes, shown when they are made and never again. */

import { Effect, Redacted } from "effect"
import { HttpRouter } from "effect/http"
import { form as formOf } from "../html/form.ts"
import { html } from "../html/html.ts"
import { page } from "../html/page.ts"
import { linkButton, notice } from "../html/parts.ts"
import type { Visit } from "../people/browserSessions.sql.ts"
import { RecoveryStore } from "../people/RecoveryStore.ts"
import { form, frameOf, query, route } from "./route.ts"
import { actorOf, fresh, returnTo, sentBy } from "./visitor.ts"

const PAGE = "/account/codes"

const ask = Effect.fnUntraced(function* (visit: Visit) {
  const target = (yield* query).get("return_to")
  const left = yield* (yield* RecoveryStore).left(visit.person.id)
  const frame = yield* frameOf(visit, "account")
  return yield* page({
    title: "Recovery codes",
    lead: "When every other way in is lost, one of these lets you choose a new one.",
    signedIn: frame,
    body: html`${
      left === 0
        ? notice(
            "warning",
            "You have no recovery codes. Without them only an owner, or the command line, can let you in again."
          )
        : notice("info", `You have ${left} of 10 left. New ones take the place of all of them.`)
    }${formOf({
      action: PAGE,
      csrfToken: frame.csrfToken,
      ...(target === undefined ? {} : { hidden: { return_to: target } }),
      buttons: [{ label: left === 0 ? "Make recovery codes" : "Make new codes", look: "primary" }]
    })}<p class="actions">${linkButton(target === undefined ? "/account" : returnTo(target), left === 0 ? "Later" : "Back")}</p>`
  })
})

const make = Effect.gen(function* () {
  const visit = yield* fresh
  const sent = yield* form
  yield* sentBy(visit, sent)
  const codes = yield* (yield* RecoveryStore).renew(visit.person.id, yield* actorOf(visit))
  return yield* page({
    title: "Your recovery codes",
    lead: "Print them, or keep them in a password manager. Each is good once.",
    signedIn: yield* frameOf(visit, "account"),
    body: html`<ol class="codes">
${codes.map((code) => html`<li><code>${Redacted.value(code)}</code></li>\n`)}</ol>
${notice("warning", "They are not shown again.")}<p class="actions">${linkButton(returnTo(sent.get("return_to")), "I have kept them", "primary")}</p>`
  })
})

export const CodesRoutes = HttpRouter.use(
  Effect.fn("CodesRoutes")(function* (router) {
    yield* route(router, PAGE, { GET: Effect.flatMap(fresh, ask), POST: make })
  })
)
