/** What a person sees who was sent here by an app: the question, or why there is none. */

import { form } from "../../html/form.ts"
import { html } from "../../html/html.ts"
import { page, problem } from "../../html/page.ts"
import { definitions, notice } from "../../html/parts.ts"
import { cleanName } from "../clients/metadata.ts"
import { hostOf, isLocal } from "../clients/redirectUri.ts"
import type { RefusalReason } from "../errors.ts"
import { type Catalogue, OFFLINE_ACCESS } from "../scope.ts"
import type { AuthorizationRequest } from "./request.ts"

const REFUSALS: Readonly<
  Record<RefusalReason, { readonly status: number; readonly title: string; readonly explanation: string }>
> = {
  client_id_missing: {
    status: 400,
    title: "Which app?",
    explanation: "The request does not say which app is asking: client_id is missing or repeated."
  },
  client_unknown: {
    status: 400,
    title: "Unknown app",
    explanation:
      "No app is registered here under the client_id of this request. If the app was connected before, remove the " +
      "connection in the app and add it again."
  },
  client_removed: {
    status: 400,
    title: "No longer registered",
    explanation:
      "This app was registered here once, but was not used for a long time or removed itself. Remove the connection in " +
      "the app and add it again: it will register anew."
  },
  // One page for every reason, so that nobody explores a network through us (the reason is in the log).
  document_unusable: {
    status: 400,
    title: "App not recognised",
    explanation:
      "The app describes itself at the address in its client_id, and that description cannot be fetched or is not " +
      "valid. Try again in a minute; if it goes on, tell the makers of the app."
  },
  redirect_uri_missing: {
    status: 400,
    title: "Where to?",
    explanation: "The request does not say where to return: redirect_uri is missing or repeated."
  },
  redirect_uri_unregistered: {
    status: 400,
    title: "Address not registered",
    explanation: "The app asked to be answered at an address that is not registered for it, so nothing was sent there."
  },
  form_foreign: {
    status: 403,
    title: "Not your request",
    explanation: "This form was not opened in this browser. Start again from the app, with cookies allowed."
  },
  form_expired: {
    status: 410,
    title: "Too late",
    explanation: "This form has expired. Start again from the app."
  },
  form_answered: {
    status: 410,
    title: "Already answered",
    explanation:
      "This request was answered before, and the first answer counts. Start again from the app if it is not connected."
  },
  signed_out: {
    status: 403,
    title: "Not signed in",
    explanation: "You are not signed in with this browser any more. Start again from the app."
  }
}

/** Why nothing was sent to the app. */
export const refusal = (reason: RefusalReason) => problem(REFUSALS[reason])

/** What is wrong with a request of an app that nobody has let in yet, in the words that the app would have got. */
export const keptFromClient = ({ _tag, description }: { readonly _tag: string; readonly description: string }) =>
  problem({
    status: 400,
    title: "The app asked wrongly",
    explanation:
      `The app's request cannot be granted: ${description} (${_tag}). Nothing was sent to the app, since nobody ` +
      "has connected it here at that address. Start again from the app; if it goes on, tell its makers."
  })

/** Asks a person for consent. It names who asks, for what, and where the answer goes (MCP security best practices). */
export const consent = (
  request: AuthorizationRequest,
  catalogue: Catalogue,
  fields: { readonly transaction: string; readonly csrf_token: string }
) => {
  const name = cleanName(request.client.name) || "An app without a name"
  const staysConnected = request.client.grantTypes.includes("refresh_token")
  const sentences = [
    ...request.scopes.map((scope) => catalogue.get(scope)?.sentence ?? scope),
    ...(staysConnected && !request.scopes.includes(OFFLINE_ACCESS.name) ? [OFFLINE_ACCESS.sentence] : [])
  ]
  return page({
    title: `Connect ${name}?`,
    body: html`<p>${name} asks for permission to:</p>
<ul>
${sentences.map((sentence) => html`<li>${sentence}</li>\n`)}</ul>
${definitions([
  ["Returns to", hostOf(request.redirectUri)],
  ...(request.client.origin === "document" ? [["Described at", new URL(request.client.clientId).host] as const] : []),
  ["Client id", request.client.clientId]
])}${
  request.client.origin === "dynamic" &&
  html`<p class="soft">The app registered itself and chose its own name; nobody has checked it.</p>\n`
}${
  request.snapshot !== undefined &&
  html`<p class="soft">The app's description could not be fetched just now. A copy of ${request.snapshot} is used.</p>\n`
}${
  isLocal(request.redirectUri) &&
  notice(
    "warning",
    "The answer goes to a program on this computer, and any program here could have asked. Allow it only if you " +
      "started this yourself."
  )
}${form({
  action: "/authorize/decision",
  hidden: fields,
  buttons: [
    { label: "Deny", name: "decision", value: "deny" },
    { label: "Allow", name: "decision", value: "approve", look: "primary" }
  ]
})}<p class="soft">This is the demo consent page: it does not ask you to sign in. To own this server, open the set-up link that it printed, or run npm run owner:link.</p>`
  })
}
