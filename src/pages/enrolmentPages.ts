/** What somebody sees on the way to a way in. */

import { Effect, Redacted } from "effect"
import { type FormOptions, form as formOf, type InputField } from "../html/form.ts"
import { html } from "../html/html.ts"
import { page } from "../html/page.ts"
import { or } from "../html/parts.ts"
import { passkeyForm } from "../html/passkey.ts"
import type { LinkKind } from "../people/links.sql.ts"
import { Passkeys } from "../people/passkeys/Passkeys.ts"
import type { Person } from "../people/person.ts"
import { providerButtons, providerLinks } from "./providers.ts"
import { loginPath } from "./visitor.ts"

/** What leads somebody to a way in: a link, or, where sign-up is open, nothing but their wish. */
export type Entrance = LinkKind | "signup"

const WORDS = {
  setup: {
    title: "Set up this server",
    lead: "You become its first owner: you say who may use it, and see what is connected."
  },
  invitation: { title: "Welcome", lead: "You were invited to use this server." },
  reset: { title: "A new way in", lead: "Choose how you sign in from now on." },
  signup: { title: "Create an account", lead: "Then you can connect apps to this server." }
} as const satisfies Record<Entrance, { readonly title: string; readonly lead: string }>

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
  reset: [CODE],
  signup: [NAME, EMAIL]
} as const satisfies Record<Entrance, ReadonlyArray<InputField>>

interface Shown extends Pick<FormOptions, "values" | "errors"> {
  readonly returnTo?: string
}

export const pathOf = (kind: Entrance) => `/${kind}` as const
export const signUpPath = (returnTo: string) => `${pathOf("signup")}?${new URLSearchParams({ return_to: returnTo })}`

const carried = (returnTo: string) => (returnTo === "/" ? {} : { return_to: returnTo })

/** Who somebody says they are. */
export const introduce = Effect.fnUntraced(function* (
  kind: Entrance,
  { values = {}, errors, returnTo = "/" }: Shown = {}
) {
  return yield* page({
    ...WORDS[kind],
    status: errors === undefined ? 200 : 422,
    script: "local",
    body: html`${formOf({
      action: pathOf(kind),
      hidden: carried(returnTo),
      fields: INTRODUCTION[kind],
      values,
      ...(errors === undefined ? {} : { errors }),
      buttons: [{ label: "Continue", look: "primary" }]
    })}${
      kind === "signup" &&
      html`${yield* providerLinks(returnTo, false)}<p class="soft">You have an account? <a href="${loginPath(returnTo)}">Sign in</a></p>`
    }`
  })
})

/** Who somebody is, as far as it was asked: what each further form carries along. */
export interface Known {
  /** The link's; empty where none leads here. */
  readonly code: Redacted.Redacted
  readonly name: string
  readonly email: string
  /** Whose way in it is, where they are here already. */
  readonly person: Person | undefined
  /** Where they were going. */
  readonly returnTo: string
}

/** How they will sign in. */
export const choose = Effect.fnUntraced(function* (
  kind: Entrance,
  { code, name, email, returnTo }: Known,
  errors?: Readonly<Record<string, string>>
) {
  const hasPasskeys = (yield* Passkeys).rpId !== undefined
  const hidden = { code: Redacted.value(code), name, ...carried(returnTo) }
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
    })}${
      hasPasskeys &&
      passkeyForm({
        kind: "create",
        options: `${pathOf(kind)}/passkey/options`,
        action: `${pathOf(kind)}/passkey`,
        label: "Use a passkey instead",
        hidden: { ...hidden, email },
        fields: [or]
      })
    }${kind !== "signup" && (yield* providerButtons(kind, { ...hidden, email }))}`
  })
})

export const askForCode = ({
  values,
  problem
}: {
  readonly values?: Shown["values"]
  readonly problem?: string
} = {}) =>
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
