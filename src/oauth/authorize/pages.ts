/** The HTML that people see: no scripts, no outside resources, escaped by construction. */

import { createHash } from "node:crypto"
import { HttpServerResponse } from "effect/http"
import type { AuthorizationRequest } from "../clients/client.ts"
import { cleanName } from "../clients/metadata.ts"
import { hostOf, isLocal } from "../clients/redirectUri.ts"
import { NO_STORE } from "../respond.ts"
import { type Catalogue, OFFLINE_ACCESS } from "../scope.ts"

/** Text that is markup already. */
class Html {
  readonly markup: string
  constructor(markup: string) {
    this.markup = markup
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)

type Part = string | Html | ReadonlyArray<Html>
const render = (part: Part): string =>
  typeof part === "string" ? escaped(part) : part instanceof Html ? part.markup : part.map(render).join("")

/** Everything put into the template is escaped unless it is `Html` itself. */
const html = (template: TemplateStringsArray, ...parts: ReadonlyArray<Part>): Html =>
  new Html(template.map((text, index) => text + render(parts[index] ?? "")).join(""))

const STYLE = `
:root{color-scheme:light dark;--ink:#1c1e21;--soft:#5f6670;--line:#d9dde3;--paper:#fff;--wash:#f4f5f7;--accent:#0b5fff;--on-accent:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#eceef1;--soft:#a4abb6;--line:#3a4049;--paper:#1f2329;--wash:#15181c;--accent:#7aa7ff;--on-accent:#0c1420}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--wash);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{width:100%;max-width:27rem;padding:2rem;background:var(--paper);border:1px solid var(--line);border-radius:.75rem}
h1{margin:0 0 1rem;font-size:1.35rem;line-height:1.3;overflow-wrap:anywhere}
p{margin:.75rem 0}
.soft{color:var(--soft);font-size:.9rem}
ul{margin:1rem 0;padding:1rem 1rem 1rem 2.1rem;border:1px solid var(--line);border-radius:.5rem}
li+li{margin-top:.5rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem .9rem;margin:1rem 0;font-size:.9rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere;font-weight:600}
.warning{padding:.75rem 1rem;border-left:4px solid #c77700;background:var(--wash);font-size:.9rem}
form{display:flex;gap:.75rem;margin-top:1.5rem}
button{flex:1;padding:.7rem 1rem;border:1px solid var(--line);border-radius:.5rem;background:none;color:inherit;font:inherit;font-weight:600;cursor:pointer}
button.primary{border-color:var(--accent);background:var(--accent);color:var(--on-accent)}
button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
`

/**
 * No `form-action`: Chromium applies it to every redirect after the form too, so it would have to name wherever the
 * client's callback goes next. There is nothing on these pages that an attacker could write a form with.
 */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "frame-ancestors 'none'",
  "base-uri 'none'"
].join("; ")

/** What every page carries, redirects from one included. */
export const PAGE_HEADERS = {
  ...NO_STORE,
  "content-security-policy": POLICY,
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff"
}

const page = (status: number, title: string, body: Html, headers: Readonly<Record<string, string>> = {}) =>
  HttpServerResponse.html(
    html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`.markup
  ).pipe(HttpServerResponse.setStatus(status), HttpServerResponse.setHeaders({ ...PAGE_HEADERS, ...headers }))

/** Asks a person for consent. It names who asks, for what, and where the answer goes (MCP security best practices). */
export const consent = (
  request: AuthorizationRequest,
  catalogue: Catalogue,
  fields: { readonly transaction: string; readonly csrf_token: string }
) => {
  const name = cleanName(request.client.name) || "An app without a name"
  const staysConnected = request.client.grantTypes.includes("refresh_token")
  const sentences = [
    ...request.scopes.map((scope) => catalogue.get(scope)?.consent ?? scope),
    ...(staysConnected && !request.scopes.includes(OFFLINE_ACCESS.name) ? [OFFLINE_ACCESS.consent] : [])
  ]
  return page(
    200,
    `Connect ${name}?`,
    html`<p>${name} asks for permission to:</p>
<ul>
${sentences.map((sentence) => html`<li>${sentence}</li>\n`)}</ul>
<dl>
<dt>Returns to</dt><dd>${hostOf(request.redirectUri)}</dd>
${
  request.client.origin === "document"
    ? html`<dt>Described at</dt><dd>${new URL(request.client.clientId).host}</dd>
`
    : html``
}<dt>Client id</dt><dd>${request.client.clientId}</dd>
</dl>
${
  request.client.origin === "dynamic"
    ? html`<p class="soft">The app registered itself and chose its own name; nobody has checked it.</p>`
    : html``
}${
  request.snapshot === undefined
    ? html``
    : html`<p class="soft">The app's description could not be fetched just now. A copy of ${request.snapshot} is used.</p>`
}
${
  isLocal(request.redirectUri)
    ? html`<p class="warning">The answer goes to a program on this computer, and any program here could have asked. Allow it only if you started this yourself.</p>`
    : html``
}
<form method="post" action="/authorize/decision">
<input type="hidden" name="transaction" value="${fields.transaction}">
<input type="hidden" name="csrf_token" value="${fields.csrf_token}">
<button name="decision" value="deny">Deny</button>
<button class="primary" name="decision" value="approve">Allow</button>
</form>
<p class="soft">This is the demo consent page: it does not ask you to sign in.</p>`
  )
}

/** Says what went wrong to the person in front of the browser. */
export const problem = (
  status: number,
  title: string,
  explanation: string,
  headers: Readonly<Record<string, string>> = {}
) => page(status, title, html`<p>${explanation}</p>`, headers)
