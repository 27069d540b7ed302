/** What people see: one frame for every page, no outside resources, and no script but on the pages that ask for it. */

import { Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { requestId } from "../web/notes.ts"
import { NO_STORE } from "../web/respond.ts"
import { LOGO, PAGE_SCRIPT, PASSKEYS_SCRIPT, STYLE_SHEET } from "./assets.ts"
import { button, hiddenField } from "./form.ts"
import { Html, html } from "./html.ts"

/**
 * What the script of a page may do: `local` never talks to the server (copy buttons, times, a code from the address),
 * `connect` may call it, `passkeys` brings the browser's part of them along.
 */
export type PageScript = "local" | "connect" | "passkeys"

/**
 * No `form-action`: Chromium applies it to every redirect after the form too, so it would have to name wherever the
 * client's callback goes next. There is nothing on these pages that an attacker could write a form with.
 */
const policy = (script: PageScript | undefined) =>
  [
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self'",
    ...(script === undefined ? [] : ["script-src 'self'", "require-trusted-types-for 'script'"]),
    ...(script === undefined || script === "local" ? [] : ["connect-src 'self'"]),
    "frame-ancestors 'none'",
    "base-uri 'none'"
  ].join("; ")

/** What every page carries, redirects from one included. */
export const PAGE_HEADERS = {
  ...NO_STORE,
  "content-security-policy": policy(undefined),
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff"
}

/** The way to another page. 303, so that nothing is sent twice, and no form to whoever is next (OAuth 2.1 §7.5.3, RFC 9110 §15.4.4). */
export const goTo = (location: string) => HttpServerResponse.redirect(location, { status: 303, headers: PAGE_HEADERS })

/** Who looks at the page, and where in the house it stands. */
export interface SignedIn {
  readonly name: string
  readonly role: "owner" | "member"
  readonly current?: Place | undefined
  /** For the button that signs out. */
  readonly csrfToken: string
}

export type Place = "account" | "apps" | "admin"

export interface PageOptions {
  /** 200 if nothing is said. With 400 and above the page shows the id of the request. */
  readonly status?: number
  /** The heading, and what stands before "Gatehouse" in the browser's tab. */
  readonly title: string
  /** A sentence under the heading. */
  readonly lead?: string | Html
  readonly body: Html
  /** For pages with tables; without it the page is a card. */
  readonly wide?: boolean
  readonly signedIn?: SignedIn | undefined
  readonly script?: PageScript
  readonly headers?: Readonly<Record<string, string>>
}

const PLACES: ReadonlyArray<readonly [Place, string, string]> = [
  ["account", "/account", "Account"],
  ["apps", "/account/apps", "Connected apps"],
  ["admin", "/admin", "Admin"]
]

const navigation = ({ name, role, current, csrfToken }: SignedIn) => html`
<nav aria-label="Main">
<ul>
${PLACES.filter(([place]) => place !== "admin" || role === "owner").map(
  ([place, path, label]) =>
    html`<li><a href="${path}"${current === place && html` aria-current="page"`}>${label}</a></li>\n`
)}</ul>
</nav>
<form class="sign-out" method="post" action="/logout">
${hiddenField("csrf_token", csrfToken)}<span class="who" title="Signed in as ${name}">${name}</span>
${button({ label: "Sign out", look: "quiet" })}</form>`

const scripts = (script: PageScript | undefined) => [
  script === "passkeys" && html`<script defer src="${PASSKEYS_SCRIPT.url}"></script>\n`,
  script !== undefined && html`<script type="module" src="${PAGE_SCRIPT.url}"></script>\n`
]

/** A page in the frame that all of them share. */
export const page = Effect.fnUntraced(function* (options: PageOptions) {
  const { status = 200, title, lead, body, wide = false, signedIn, script, headers } = options
  const { host = "" } = (yield* HttpServerRequest.HttpServerRequest).headers
  const id = status < 400 ? undefined : yield* requestId
  return HttpServerResponse.html(
    html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Gatehouse</title>
<link rel="icon" href="${LOGO.url}" type="image/svg+xml">
<link rel="stylesheet" href="${STYLE_SHEET.url}">
${scripts(script)}</head>
<body class="${wide ? "wide" : "narrow"}">
<a class="skip" href="#main">Skip to content</a>
<header>
<a class="brand" href="/">${new Html(LOGO.text.replace("<svg ", '<svg aria-hidden="true" '))}Gatehouse</a>${signedIn && navigation(signedIn)}
</header>
<main id="main" tabindex="-1">
<h1>${title}</h1>
${lead && html`<p class="lead">${lead}</p>`}
${body}
</main>
<footer>
<p>Gatehouse at <b>${host}</b></p>
${id && html`<p>Request <code>${id}</code></p>`}
</footer>
</body>
</html>
`.markup
  ).pipe(
    HttpServerResponse.setStatus(status),
    HttpServerResponse.setHeaders({ ...PAGE_HEADERS, "content-security-policy": policy(script), ...headers })
  )
})

export interface ProblemOptions {
  readonly status: number
  readonly title: string
  readonly explanation: string
  /** What a person can do now, where there is something. */
  readonly next?: { readonly href: string; readonly label: string } | undefined
  readonly signedIn?: SignedIn | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** Says what went wrong to the person in front of the browser, and what to do next. */
export const problem = ({ explanation, next, ...options }: ProblemOptions) =>
  page({
    ...options,
    body: html`<p>${explanation}</p>
${next && html`<p class="actions"><a class="button primary" href="${next.href}">${next.label}</a></p>`}`
  })
