/**
 * `/setup`, `/invitation`, `/reset` and `/recover`: a link leads somebody to a way in. The link's code is in the address's
 * fragment, which no server and no proxy sees; it is posted with each form, and spent with the last one.
 */

import { randomBytes } from "node:crypto"
import { Effect, Redacted, Schema } from "effect"
import { HttpRouter, type HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { type FormOptions, form as formOf, type InputField } from "../html/form.ts"
import { html } from "../html/html.ts"
import { page } from "../html/page.ts"
import type { Parameters } from "../oauth/parameters.ts"
import type { LinkKind } from "../people/links.sql.ts"
import { People } from "../people/People.ts"
import * as Argon2id from "../people/passwords/argon2id.ts"
import * as Policy from "../people/passwords/policy.ts"
import { Email, Name } from "../people/person.ts"
import { RecoveryStore } from "../people/RecoveryStore.ts"
import { Throttle } from "../people/Throttle.ts"
import { callerAddress } from "../web/clientAddress.ts"
import { providerButtons } from "./providers.ts"
import { form, goTo, route } from "./route.ts"
import { signIn } from "./signIn.ts"
import { sentByUs } from "./visitor.ts"

const WORDS = {
  setup: {
    title: "Set up this server",
    lead: "You become its first owner: you say who may use it, and see what is connected."
  },
  invitation: { title: "Welcome", lead: "You were invited to use this server." },
  reset: { title: "A new way in", lead: "Choose how you sign in from now on." }
} as const satisfies Record<LinkKind, { readonly title: string; readonly lead: string }>

const CODE: InputField = {
  kind: "code",
  name: "code",
  label: "Code",
  autocomplete: "off",
  hint: "What stands behind the # in your link.",
  isFromAddress: true
}
const NAME: InputField = { kind: "text", name: "name", label: "Your name", autocomplete: "name", maxLength: 100 }
const EMAIL: InputField = {
  kind: "email",
  name: "email",
  label: "E-mail",
  autocomplete: "username",
  hint: "What you sign in with. Nothing is sent there."
}

/** What is asked first, of whom. */
const INTRODUCTION = {
  setup: [CODE, NAME, EMAIL],
  invitation: [CODE, NAME],
  reset: [CODE]
} as const satisfies Record<LinkKind, ReadonlyArray<InputField>>

type Shown = Pick<FormOptions, "values" | "errors">

export const pathOf = (kind: LinkKind) => `/${kind}` as const

/** Who somebody says they are. */
const introduce = (kind: LinkKind, { values = {}, errors }: Shown = {}) =>
  page({
    ...WORDS[kind],
    status: errors === undefined ? 200 : 422,
    script: "local",
    body: formOf({
      action: pathOf(kind),
      fields: INTRODUCTION[kind],
      values,
      ...(errors === undefined ? {} : { errors }),
      buttons: [{ label: "Continue", look: "primary" }]
    })
  })

/** Who somebody is, as far as it was asked: what each further form carries along. */
interface Known {
  readonly code: Redacted.Redacted
  readonly name: string
  readonly email: string
}

/** How they will sign in. */
const choose = Effect.fnUntraced(function* (
  kind: LinkKind,
  { code, name, email }: Known,
  errors?: Readonly<Record<string, string>>
) {
  const hidden = { code: Redacted.value(code), name }
  return yield* page({
    title: kind === "reset" ? "A new way in" : `Hello, ${name}`,
    lead: "How will you sign in? You can add other ways later.",
    status: errors === undefined ? 200 : 422,
    script: "passkeys",
    body: html`${formOf({
      action: `${pathOf(kind)}/password`,
      hidden,
      fields: [
        // Shown, so that a password manager knows whose password it keeps.
        { ...EMAIL, hint: "What you sign in with." },
        {
          kind: "password",
          name: "password",
          label: "Password",
          autocomplete: "new-password",
          minLength: 8,
          maxLength: 256,
          hint: "At least 8 characters, of any kind. A few words are good."
        }
      ],
      values: { email },
      ...(errors === undefined ? {} : { errors }),
      buttons: [{ label: "Use a password", look: "primary" }]
    })}${yield* providerButtons(kind, { ...hidden, email })}`
  })
})

/** Whose link it is, and who they say they are; or the form again, with what is wrong in it. */
export const readIntroduction = Effect.fnUntraced(function* (kind: LinkKind, sent: Parameters) {
  const code = Redacted.make((sent.get("code") ?? "").trim())
  const throttle = yield* Throttle
  yield* throttle.code(yield* callerAddress)
  const people = yield* People
  const link = yield* people.look(kind, code)
  if (kind === "reset") {
    const person = yield* people.find(link.personId ?? "")
    return { known: { code, name: person?.name ?? "", email: person?.email ?? "" } }
  }
  const values = { name: sent.get("name"), email: link.email ?? sent.get("email") }
  const name = Schema.decodeOption(Name)(values.name ?? "")
  const email = Schema.decodeOption(Email)(values.email ?? "")
  if (name._tag === "None" || email._tag === "None") {
    const errors = {
      ...(name._tag === "None" ? { name: "A name has 1 to 100 characters, all of which can be seen." } : {}),
      ...(email._tag === "None" ? { email: "This is not an e-mail address." } : {}),
      code: "Once more, please: a code is not shown again."
    }
    return { again: yield* introduce(kind, { values, errors }) }
  }
  return { known: { code, name: name.value, email: email.value } }
})

const meet = (kind: LinkKind) =>
  Effect.gen(function* () {
    yield* sentByUs
    const { known, again } = yield* readIntroduction(kind, yield* form)
    return again ?? (yield* choose(kind, known))
  })

/** They are in: with ten recovery codes to make, unless they came back. */
export const enter = Effect.fnUntraced(function* (kind: LinkKind, personId: string) {
  const response: HttpServerResponse.HttpServerResponse = goTo(kind === "reset" ? "/account" : "/account/codes")
  return yield* signIn(personId, "link", response)
})

const withPassword = (kind: LinkKind) =>
  Effect.gen(function* () {
    yield* sentByUs
    const sent = yield* form
    const { known, again } = yield* readIntroduction(kind, sent)
    if (again !== undefined) return again
    const password = Redacted.make(sent.get("password") ?? "")
    const { issuer } = yield* ServerConfig
    const surroundings = { name: known.name, email: known.email, host: new URL(issuer).hostname }
    const refused = yield* Effect.flip(Policy.check(password, surroundings)).pipe(Effect.option)
    if (refused._tag === "Some") return yield* choose(kind, known, { password: refused.value.why })
    const hash = yield* Argon2id.hash(password)
    const people = yield* People
    const address = yield* callerAddress
    const done =
      kind === "reset"
        ? people.renew(known.code, ({ id }) => people.setPassword(id, hash, { id, address }), address)
        : people.enrol(
            kind,
            known.code,
            { name: known.name, email: known.email, webauthnId: randomBytes(32) },
            ({ id }) => people.setPassword(id, hash, { id, address }),
            address
          )
    const person = yield* Effect.catchTag(done, "EmailTaken", () => Effect.undefined)
    if (person === undefined) {
      return yield* choose(kind, known, { email: "Somebody with this address is here already." })
    }
    return yield* enter(kind, person.id)
  })

// --- Recovery codes -----------------------------------------------------------------------------------------------

const askForCode = ({ values, problem }: { readonly values?: Shown["values"]; readonly problem?: string } = {}) =>
  page({
    title: "You cannot sign in?",
    lead: "One of your ten recovery codes lets you choose a new way in.",
    status: problem === undefined ? 200 : 401,
    body: html`${formOf({
      action: "/recover",
      fields: [
        { ...EMAIL, hint: "What you sign in with." },
        { kind: "code", name: "code", label: "Recovery code", autocomplete: "off" }
      ],
      ...(values === undefined ? {} : { values }),
      problem,
      buttons: [{ label: "Continue", look: "primary" }]
    })}<p class="soft">Without a code, ask an owner of this server for a link. An owner can make one with
<code>npm run person:reset -- you@example.com</code>.</p>`
  })

/** A code opens one thing: the choice of a new way in. The same answer for an address that nobody has. */
const recover = Effect.gen(function* () {
  yield* sentByUs
  const sent = yield* form
  const email = (sent.get("email") ?? "").trim()
  const throttle = yield* Throttle
  const address = yield* callerAddress
  yield* throttle.code(address)
  const people = yield* People
  const recovery = yield* RecoveryStore
  const person = (yield* people.credentialsOf(email))?.person
  const nobody = "00000000-0000-4000-8000-000000000000"
  const isRight = yield* recovery.spend(person?.id ?? nobody, Redacted.make(sent.get("code") ?? ""), address)
  const link =
    person && isRight ? yield* people.resetLink(person.id, { id: person.id, address }, "recovery code") : undefined
  if (person === undefined || link === undefined) {
    return yield* askForCode({ values: { email }, problem: "This e-mail address and this code do not fit together." })
  }
  return yield* choose("reset", { code: link, name: person.name, email: person.email })
})

const KINDS = ["setup", "invitation", "reset"] as const

export const EnrolmentRoutes = HttpRouter.use(
  Effect.fn("EnrolmentRoutes")(function* (router) {
    for (const kind of KINDS) {
      yield* route(router, pathOf(kind), { GET: introduce(kind), POST: meet(kind) })
      yield* route(router, `${pathOf(kind)}/password`, { POST: withPassword(kind), page: pathOf(kind) })
    }
    yield* route(router, "/recover", { GET: askForCode(), POST: recover })
  })
)
