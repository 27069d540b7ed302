/** Upstream providers as people see them: where they sign in, where they follow a link, and on their account page. */

import { Effect } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import { form as formOf } from "../html/form.ts"
import { html } from "../html/html.ts"
import { badge, linkButton, or, section, table } from "../html/parts.ts"
import { time } from "../html/time.ts"
import type { Visit } from "../people/browserSessions.sql.ts"
import { Identities } from "../people/Identities.ts"
import type { LinkKind } from "../people/links.sql.ts"

/** Ways to sign in, below the others. */
export const providerLinks = Effect.fnUntraced(function* (returnTo: string, isAgain: boolean) {
  const { providers } = yield* ServerConfig
  const query = new URLSearchParams({ return_to: returnTo, ...(isAgain && { again: "1" }) })
  return (
    providers.length > 0 &&
    html`${or}<p class="actions">
${providers.map(({ name, label }) => html`${linkButton(`/login/${name}?${query}`, `Sign in with ${label}`)}\n`)}</p>
`
  )
})

/** Ways to follow a link; `carried` is what all of its forms carry along. */
export const providerButtons = Effect.fnUntraced(function* (
  kind: LinkKind,
  carried: Readonly<Record<"code" | "name" | "email", string>>
) {
  const { providers } = yield* ServerConfig
  return (
    providers.length > 0 &&
    html`${or}${formOf({
      action: `/${kind}/provider`,
      hidden: carried,
      buttons: providers.map(({ name, label }) => ({ label: `Use ${label}`, name: "provider", value: name }))
    })}`
  )
})

/** A person's accounts elsewhere, and how to link another one. Nothing where there is neither. */
export const identitiesSection = Effect.fnUntraced(function* ({ person }: Visit, csrfToken: string) {
  const { providers } = yield* ServerConfig
  const linked = yield* (yield* Identities).list(person.id)
  if (providers.length === 0 && linked.length === 0) return false
  const rows = linked.map(({ issuer, subject, email = "", createdAt, lastUsedAt }, index) => {
    const provider = providers.find((one) => one.issuer === issuer)
    return [
      provider === undefined
        ? html`${new URL(issuer).host} ${badge("not in use here any more", "warning")}`
        : provider.label,
      email,
      html`${time(createdAt)}`,
      lastUsedAt === undefined ? "never" : html`${time(lastUsedAt)}`,
      formOf({
        action: "/account/identities/unlink",
        id: `identity-${index}`,
        csrfToken,
        hidden: { issuer, subject },
        buttons: [{ label: "Unlink", look: "quiet" }]
      })
    ]
  })
  return section(
    "Accounts elsewhere",
    html`${table({
      caption: "Accounts elsewhere that you can sign in with",
      columns: ["Account", "E-mail there", "Linked", "Last used", ""],
      rows,
      empty: html``
    })}${providers.map(({ name, label }) =>
      formOf({ action: `/account/identities/${name}/link`, csrfToken, buttons: [{ label: `Link ${label}` }] })
    )}`,
    { lead: "Sign in here with an account that you have at another service." }
  )
})
