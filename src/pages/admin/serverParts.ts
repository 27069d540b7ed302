/** A server behind this one, as its owner sees it: what it is, what waits, what it offers, what it said last. */

import { isUuid } from "../../database/query.ts"
import { changesOf } from "../../gateway/catalogue/changes.ts"
import { type Entry, isWaiting, labelOf, waitingDigest } from "../../gateway/catalogue/definition.ts"
import type { MountSession } from "../../gateway/catalogue/MountStatus.ts"
import type { Mount } from "../../gateway/mount.ts"
import { form as formOf } from "../../html/form.ts"
import { type Html, html } from "../../html/html.ts"
import { badge, confirmation, confirmations, definitions, notice, section, table } from "../../html/parts.ts"
import { time } from "../../html/time.ts"

export const PAGE = "/admin/servers"

export type Described = Mount & { readonly isOff: boolean }

export interface ServerView {
  readonly mount: Described
  readonly entries: ReadonlyArray<Entry>
  readonly sessions: ReadonlyArray<MountSession>
  /** By their ids. */
  readonly names: ReadonlyMap<string, string>
  readonly stderr: ReadonlyArray<string>
  readonly csrfToken: string
  /** Whether this visitor may change something now. */
  readonly mayChange: boolean
}

/** Without what may be a secret: arguments, variables, headers, and the query of an address. */
const whereOf = ({ transport }: Mount) => {
  if (transport._tag === "Stdio") return html`the program <code>${transport.command.split("/").at(-1)}</code>`
  const { origin, pathname } = new URL(transport.url)
  return html`<code>${origin}${pathname}</code>`
}

const SESSIONS = { shared: "one for everybody", person: "one for each person", chat: "one for each chat" } as const
const PEOPLE = { everyone: "everybody", owner: "owners" } as const

const stateOf = ({ mount, sessions }: ServerView) => {
  if (mount.isOff) return badge("off", "danger")
  if (sessions.some(({ state }) => state === "crash-loop")) return badge("does not start", "danger")
  const up = sessions.filter(({ state }) => state === "up").length
  return up === 0 ? badge("asleep") : badge(up === 1 ? "1 session" : `${up} sessions`, "success")
}

const whoseOf = ({ subject }: MountSession, names: ReadonlyMap<string, string>) =>
  subject === undefined ? "everybody" : (names.get(subject) ?? (isUuid(subject) ? subject : "this server, to look"))

const STATE_OF = { starting: "starting", up: "up", down: "ending", "crash-loop": "does not start" } as const

/** Who uses it now, and how much. */
const sessionsOf = ({ mount, sessions, names }: ServerView) =>
  sessions.length > 0 &&
  html`<details><summary>Who uses it (${sessions.length})</summary>
${table({
  caption: `Sessions with ${mount.title}`,
  columns: ["Who", "State", "Since", "Last used", "Requests"],
  rows: sessions.map((session) => [
    whoseOf(session, names),
    STATE_OF[session.state],
    html`${time(new Date(session.since))}`,
    html`${time(new Date(session.lastUsed))}`,
    String(session.calls)
  ]),
  empty: html``
})}</details>
`

const factsOf = (view: ServerView) => {
  const { mount } = view
  return definitions([
    ["State", stateOf(view)],
    ["Where", whereOf(mount)],
    ["Described", mount.origin === "file" ? "in gatehouse.json" : "on this page"],
    ["Sessions", SESSIONS[mount.session]],
    ["For", typeof mount.people === "string" ? PEOPLE[mount.people] : mount.people.join(", ")]
  ])
}

const difference = ({ approved, seen }: Entry) =>
  changesOf(approved, seen).map(
    ({ path, removed, added }) => html`<p><code>${path}</code></p>
<div class="diff">${removed.map((line) => html`<del>${line}</del>`)}${added.map((line) => html`<ins>${line}</ins>`)}</div>
`
  )

const notesOf = ({ seen }: Entry) =>
  seen !== undefined &&
  html`${seen.problem !== undefined && notice("danger", `It cannot be listed: ${seen.problem}.`)}${seen.repairs.length > 0 && html`<ul class="soft">${seen.repairs.map((repair) => html`<li>${repair}</li>`)}</ul>`}`

const idOf = (mount: Mount, entry: Entry) =>
  `${mount.name}-${entry.kind}-${Buffer.from(entry.name).toString("hex").slice(0, 40)}`

const hiddenOf = ({ mount }: ServerView, { kind, name, seen }: Entry) => ({
  server: mount.name,
  kind,
  name,
  ...(seen && { digest: seen.digest })
})

const waitingOf = (view: ServerView, entry: Entry) => html`<article class="waiting">
<h3>${labelOf(entry)} ${badge(entry.state === "new" ? "new" : "changed", "warning")}</h3>
${difference(entry)}${notesOf(entry)}${
  view.mayChange &&
  formOf({
    action: `${PAGE}/decide`,
    csrfToken: view.csrfToken,
    id: idOf(view.mount, entry),
    hidden: hiddenOf(view, entry),
    buttons: [
      { label: "Approve", name: "what", value: "approve", look: "primary" },
      ...(entry.approved === undefined ? [] : [{ label: "Keep the old wording", name: "what", value: "keep" }]),
      { label: "Switch off", name: "what", value: "off", look: "quiet" }
    ]
  })
}</article>
`

const STATES: Readonly<Record<Entry["state"], Html>> = {
  approved: badge("offered", "success"),
  new: badge("waits", "warning"),
  changed: badge("offered as it was approved", "warning"),
  gone: badge("gone there", "danger"),
  off: badge("off", "danger")
}

const thing = (view: ServerView, entry: Entry): ReadonlyArray<string | Html> => [
  html`<code>${labelOf(entry)}</code>`,
  STATES[entry.state],
  html`${String((entry.approved ?? entry.seen)?.listing.description ?? "").split("\n")[0]}`,
  view.mayChange
    ? formOf({
        action: `${PAGE}/decide`,
        csrfToken: view.csrfToken,
        id: `${idOf(view.mount, entry)}-switch`,
        hidden: { server: view.mount.name, kind: entry.kind, name: entry.name },
        buttons: [
          entry.state === "off"
            ? { label: "Switch on", name: "what", value: "on" }
            : { label: "Switch off", name: "what", value: "off", look: "quiet" }
        ]
      })
    : html``
]

const actionsOf = ({ mount, csrfToken }: ServerView) => {
  const hidden = { server: mount.name }
  const button = (path: string, label: string) =>
    formOf({ action: `${PAGE}/${path}`, csrfToken, id: `${mount.name}-${path}`, hidden, buttons: [{ label }] })
  return confirmations(
    mount.disabled
      ? html`<p class="soft">gatehouse.json has it switched off.</p>`
      : button(mount.isOff ? "on" : "off", mount.isOff ? "Switch on" : "Switch off"),
    !mount.isOff && button("restart", "Restart"),
    !mount.isOff && mount.auth !== "oauth" && button("ask", "Ask what it offers"),
    mount.origin === "page" &&
      confirmation({
        summary: "Remove",
        explanation: "Nobody can use it from then on, and what was decided about its tools is forgotten.",
        action: `${PAGE}/remove`,
        id: `${mount.name}-remove`,
        csrfToken,
        hidden,
        buttons: [{ label: "Remove", look: "danger" }]
      })
  )
}

export const serverSection = (view: ServerView): Html => {
  const { mount, entries, stderr, csrfToken, mayChange } = view
  const waiting = entries.filter(isWaiting)
  return section(
    mount.title,
    html`${factsOf(view)}${
      waiting.length > 0 &&
      html`${notice("warning", `${waiting.length === 1 ? "One thing waits" : `${waiting.length} things wait`} for you to look at. Until then apps get what was approved.`)}${waiting.map((entry) => waitingOf(view, entry))}${
        mayChange &&
        waiting.length > 1 &&
        formOf({
          action: `${PAGE}/approve`,
          csrfToken,
          id: `${mount.name}-all`,
          hidden: { server: mount.name, digest: waitingDigest(entries) },
          buttons: [{ label: `Approve all ${waiting.length}`, look: "primary" }]
        })
      }`
    }${sessionsOf(view)}<details><summary>What it offers (${entries.length})</summary>
${table({
  caption: `What ${mount.title} offers`,
  columns: ["Name", "State", "What it is", ""],
  rows: entries.map((entry) => thing(view, entry)),
  empty: html`<p class="soft">${mount.auth === "oauth" ? "Known when the first person has signed in there, at /account/servers." : "Nothing is known of it yet."}</p>`
})}</details>
${stderr.length > 0 && html`<details><summary>What it wrote last</summary>\n<pre>${stderr.join("\n")}</pre></details>\n`}${mayChange && actionsOf(view)}`,
    { id: `server-${mount.name}` }
  )
}
