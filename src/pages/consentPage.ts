/** What a person is asked who was sent here by an app: who asks, as whom they answer, and what it may do. */

import { form } from "../html/form.ts"
import { html } from "../html/html.ts"
import { page, problem } from "../html/page.ts"
import { definitions, notice } from "../html/parts.ts"
import type { AuthorizationRequest } from "../oauth/authorize/request.ts"
import { cleanName } from "../oauth/clients/metadata.ts"
import { hostOf, isLocal } from "../oauth/clients/redirectUri.ts"
import { type Catalogue, OFFLINE_ACCESS, OPENID, TOOLS_CALL } from "../oauth/scope.ts"
import type { Person } from "../people/person.ts"
import { loginPath } from "./visitor.ts"

/** What an app can do without: its sentence has a box, and the answer names what was granted (RFC 6749 §3.3). */
export const isOptional = (scope: string): boolean =>
  ![TOOLS_CALL.name, OFFLINE_ACCESS.name, OPENID.name].includes(scope)

/** The name of the box of a scope. */
export const tickName = (scope: string): string => `scope:${scope}`

/** How sure we are of who asks. */
const identityOf = ({ client, redirectUri }: AuthorizationRequest): string => {
  if (client.origin === "document") return `${new URL(client.clientId).host} (verified)`
  return client.origin === "configured" ? "set up by the owner of this server" : `not verified; ${hostOf(redirectUri)}`
}

export const consentPage = (
  request: AuthorizationRequest,
  catalogue: Catalogue,
  person: Person,
  fields: { readonly transaction: string; readonly csrf_token: string },
  /** What they left unticked the last time. */
  declined: ReadonlyArray<string> = []
) => {
  const { client, redirectUri, scopes } = request
  const name = cleanName(client.name) || "An app without a name"
  const sentenceOf = (scope: string) => catalogue.get(scope)?.sentence ?? scope
  const needed = scopes.filter((scope) => !isOptional(scope))
  const optional = scopes.filter(isOptional)
  const staysConnected = client.grantTypes.includes("refresh_token") && !scopes.includes(OFFLINE_ACCESS.name)
  return page({
    title: `Connect ${name}?`,
    body: html`<p class="soft">As <b>${person.name}</b> (${person.email}). <a href="${loginPath(`/authorize?${new URLSearchParams([...request.sent])}`, { again: true })}">Not you?</a></p>
${definitions([
  ["Who asks", identityOf(request)],
  ["Returns to", hostOf(redirectUri)]
])}${
  client.origin === "dynamic" &&
  notice("info", "The app registered itself and chose its own name; nobody has checked it.")
}${
  request.snapshot !== undefined &&
  notice("info", `The app's description could not be fetched just now. A copy of ${request.snapshot} is used.`)
}${
  isLocal(redirectUri) &&
  notice(
    "warning",
    "The answer goes to a program on this computer, and any program here could have asked. Allow it only if you " +
      "started this yourself."
  )
}${form({
  action: "/authorize/decision",
  hidden: fields,
  fields: [
    ...(needed.length + Number(staysConnected) === 0
      ? []
      : [
          html`<p>${name} asks for permission to:</p>
<ul>
${[...needed.map(sentenceOf), ...(staysConnected ? [OFFLINE_ACCESS.sentence] : [])].map((sentence) => html`<li>${sentence}</li>\n`)}</ul>
`
        ]),
    ...(optional.length === 0
      ? []
      : [
          {
            kind: "checkboxes",
            name: "scopes",
            label: "And, as far as you like:",
            choices: optional.map((scope) => ({ value: tickName(scope), label: sentenceOf(scope) })),
            checked: optional.filter((scope) => !declined.includes(scope)).map(tickName)
          } as const
        ])
  ],
  buttons: [
    { label: "Deny", name: "decision", value: "deny" },
    { label: "Allow", name: "decision", value: "approve", look: "primary" }
  ]
})}<p class="soft">You can disconnect it at any time, under Connected apps.</p>`
  })
}

/** Nobody owns this server yet, so there is nobody who could let an app in. */
export const notSetUp = problem({
  status: 403,
  title: "Not set up yet",
  explanation:
    "This server has no owner yet, so no app can be connected. Whoever started it finds a link in its output that begins " +
    'with "Set up"; npm run owner:link prints a new one. Then start again from the app.'
})
