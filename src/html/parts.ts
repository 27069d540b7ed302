/** What pages are put together from. Each is markup alone, and works without the script unless it says so. */

import { type FormOptions, form } from "./form.ts"
import { type Html, html, type Part } from "./html.ts"

export type Tone = "info" | "success" | "warning" | "danger"

/** Something to know, in its place on the page. Tone is told in colour; the words must say it too. */
export const notice = (tone: Tone, body: string | Html) =>
  html`<div class="notice ${tone}"><p>${body}</p></div>
`

/** A word of state beside a name. */
export const badge = (label: string, tone: Tone | "plain" = "plain") =>
  html`<span class="badge ${tone}">${label}</span>`

/** A part of a wide page, with a heading of its own. */
export const section = (
  title: string,
  body: Part,
  { lead, id }: { readonly lead?: string | Html; readonly id?: string } = {}
) =>
  html`<section class="card"${id !== undefined && html` id="${id}"`}>
<h2>${title}</h2>
${lead && html`<p class="lead">${lead}</p>\n`}${body}
</section>
`

/** Terms and what they are. */
export const definitions = (entries: ReadonlyArray<readonly [term: string, value: string | Html]>) => html`<dl>
${entries.map(([term, value]) => html`<dt>${term}</dt><dd>${value}</dd>\n`)}</dl>
`

/** Where nothing is yet, and what would put something there. */
export const emptyState = (title: string, text: string | Html, action?: Html) => html`<div class="empty">
<p><b>${title}</b></p>
<p>${text}</p>
${action}</div>
`

/** Between ways of doing the same. */
export const or = html`<p class="or">or</p>
`

/** A link that looks like a button. */
export const linkButton = (href: string, label: string, look: "primary" | "plain" = "plain") =>
  html`<a class="button ${look}" href="${href}">${label}</a>`

export interface TableOptions {
  /** Says what the table is, to those who do not see it. */
  readonly caption: string
  /** "" is the column of buttons. */
  readonly columns: ReadonlyArray<string>
  /** A cell for each column; the first one names the row. */
  readonly rows: ReadonlyArray<ReadonlyArray<string | Html>>
  /** Stands there instead of a table without rows. */
  readonly empty: Html
}

/** On a narrow screen each row is a card. The roles are said, since a table that is laid out otherwise loses them. */
export const table = ({ caption, columns, rows, empty }: TableOptions) =>
  rows.length === 0
    ? empty
    : html`<table role="table">
<caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${columns.map((column) => html`<th role="columnheader" scope="col">${column || html`<span class="unseen">Actions</span>`}</th>`)}</tr></thead>
<tbody role="rowgroup">
${rows.map(
  (cells) =>
    html`<tr role="row">${cells.map((cell, index) =>
      index === 0
        ? html`<th role="rowheader" scope="row">${cell}</th>`
        : html`<td role="cell" data-label="${columns[index]}">${cell}</td>`
    )}</tr>\n`
)}</tbody>
</table>
`

/** A value to take along. The button is there with the script alone; without it the value can be selected. */
export const copyField = ({
  label,
  value,
  id
}: {
  readonly label: string
  readonly value: string
  readonly id: string
}) =>
  html`<div class="field">
<label for="${id}">${label}</label>
<div class="copy"><input id="${id}" class="code" readonly value="${value}"><button type="button" hidden data-copy="${id}">Copy</button></div>
</div>
`

/** Something that cannot be taken back: opened first, then said what happens, then done. */
export const confirmation = ({
  summary,
  explanation,
  ...options
}: FormOptions & {
  readonly summary: string
  readonly explanation: string | Html
}) => html`<details class="confirm${options.buttons.some(({ look }) => look === "danger") && " danger"}" name="confirm">
<summary>${summary}</summary>
<div class="panel">
<p>${explanation}</p>
${form(options)}</div>
</details>
`

/** Several of them side by side, so that what one opens covers no other. */
export const confirmations = (...all: ReadonlyArray<Part>) => html`<div class="choices">
${all}</div>
`

/** The way to a next page of a list, where there is one. */
export const pager = (newer: string | undefined, older: string | undefined) =>
  newer === undefined && older === undefined
    ? html``
    : html`<nav class="pager" aria-label="Pages">${newer !== undefined && linkButton(newer, "Newer")}${older !== undefined && linkButton(older, "Older")}</nav>
`
