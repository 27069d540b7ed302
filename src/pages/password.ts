/** The part of the account that is about the password and the recovery codes. */

import { Effect, Redacted } from "effect"
import { HttpRouter } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { form as formOf, type InputField } from "../html/form.ts"
import { html } from "../html/html.ts"
import { goTo, page } from "../html/page.ts"
import { linkButton, section } from "../html/parts.ts"
import type { Visit } from "../people/browserSessions.sql.ts"
import { People } from "../people/People.ts"
import * as Argon2id from "../people/passwords/argon2id.ts"
import * as Policy from "../people/passwords/policy.ts"
import { RecoveryStore } from "../people/RecoveryStore.ts"
import { Throttle } from "../people/Throttle.ts"
import { form, frameOf, route } from "./route.ts"
import { knownMark } from "./signIn.ts"
import { actorOf, fresh, sentBy } from "./visitor.ts"

const PAGE = "/account/password"

/** Shown, so that a password manager knows whose password it keeps. */
const WHOSE: InputField = { kind: "email", name: "email", label: "E-mail", autocomplete: "username", isFixed: true }
const CURRENT: InputField = {
  kind: "password",
  name: "current",
  label: "Your password now",
  autocomplete: "current-password",
  maxLength: 256
}
const NEW: InputField = {
  kind: "password",
  name: "password",
  label: "New password",
  autocomplete: "new-password",
  minLength: 8,
  maxLength: 256,
  hint: "At least 8 characters, of any kind. A few words are good."
}

export const passwordSection = ({ person }: Visit) =>
  section(
    "Password",
    html`<p>${person.hasPassword ? "You have one." : "You have none, and need none while you have another way in."}</p>
<p class="actions">${linkButton(PAGE, person.hasPassword ? "Change it" : "Set one")}</p>`
  )

export const recoverySection = Effect.fnUntraced(function* ({ person }: Visit) {
  const left = yield* (yield* RecoveryStore).left(person.id)
  return section(
    "Recovery codes",
    html`<p>${left === 0 ? "You have none: make them, for the day on which every other way in is lost." : `${left} of 10 are left.`}</p>
<p class="actions">${linkButton("/account/codes", left === 0 ? "Make recovery codes" : "Make new ones")}</p>`
  )
})

const show = Effect.fnUntraced(function* (visit: Visit, errors?: Readonly<Record<string, string>>) {
  const frame = yield* frameOf(visit, "account")
  return yield* page({
    title: visit.person.hasPassword ? "Change the password" : "Set a password",
    lead: "It signs every other browser out, and disconnects every app.",
    status: errors === undefined ? 200 : 422,
    signedIn: frame,
    body: formOf({
      action: PAGE,
      csrfToken: frame.csrfToken,
      fields: visit.person.hasPassword ? [WHOSE, CURRENT, NEW] : [WHOSE, NEW],
      values: { email: visit.person.email },
      ...(errors === undefined ? {} : { errors }),
      buttons: [{ label: "Save", look: "primary" }]
    })
  })
})

/** Whoever has one shows it (ASVS 6.2.3): a browser that was left open is not enough. */
const change = Effect.gen(function* () {
  const visit = yield* fresh
  const sent = yield* form
  yield* sentBy(visit, sent)
  const { person, session } = visit
  const people = yield* People
  const actor = yield* actorOf(visit)
  const known = yield* people.credentialsOf(person.email)
  if (known?.password !== undefined) {
    const throttle = yield* Throttle
    const attempt = { name: person.email, personId: person.id, address: actor.address, mark: yield* knownMark }
    yield* throttle.admit(attempt)
    if (!(yield* Argon2id.verify(Redacted.make(sent.get("current") ?? ""), known.password))) {
      yield* throttle.failed(attempt)
      return yield* show(visit, { current: "This is not your password." })
    }
  }
  const password = Redacted.make(sent.get("password") ?? "")
  const { hostname: host } = new URL((yield* ServerConfig).issuer)
  const why = yield* Effect.catchTag(Policy.check(password, { ...person, host }), "PasswordRefused", ({ why }) =>
    Effect.succeed(why)
  )
  if (why !== undefined) return yield* show(visit, { password: why })
  yield* people.setPassword(person.id, yield* Argon2id.hash(password), actor, session.id)
  return goTo("/account")
})

export const PasswordRoutes = HttpRouter.use(
  Effect.fn("PasswordRoutes")(function* (router) {
    yield* route(router, PAGE, { GET: Effect.flatMap(fresh, (visit) => show(visit)), POST: change })
  })
)
