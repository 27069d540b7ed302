/** The parts of `/admin`, and the way between them. */

import { html } from "../../html/html.ts"

const SECTIONS = [
  ["people", "/admin", "People"],
  ["apps", "/admin/apps", "Connections"],
  ["clients", "/admin/clients", "Apps"],
  ["servers", "/admin/servers", "Servers"],
  ["usage", "/admin/usage", "Usage"],
  ["events", "/admin/events", "Events"],
  ["server", "/admin/server", "Server"]
] as const

export type Section = (typeof SECTIONS)[number][0]

export const sections = (current: Section) => html`<nav class="tabs" aria-label="Administration">
<ul>
${SECTIONS.map(([name, path, label]) => html`<li><a href="${path}"${name === current && html` aria-current="page"`}>${label}</a></li>\n`)}</ul>
</nav>
`
