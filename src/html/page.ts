/** What people see: one frame for every page, no scripts, no outside resources. */

import { createHash } from "node:crypto"
import { HttpServerResponse } from "effect/http"
import { NO_STORE } from "../web/respond.ts"
import { Html, html } from "./html.ts"

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

/** A page in the frame that all of them share. */
export const page = (status: number, title: string, body: Html, headers: Readonly<Record<string, string>> = {}) =>
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

/** Says what went wrong to the person in front of the browser. */
export const problem = (
  status: number,
  title: string,
  explanation: string,
  headers: Readonly<Record<string, string>> = {}
) => page(status, title, html`<p>${explanation}</p>`, headers)
