/** `/admin/events`: what happened, the newest first. */

import { Effect } from "effect"
import { HttpRouter } from "effect/http"
import { type Html, html } from "../../html/html.ts"
import { page } from "../../html/page.ts"
import { emptyState, pager, section, table } from "../../html/parts.ts"
import { time } from "../../html/time.ts"
import type { EventRow } from "../../people/events.sql.ts"
import { People } from "../../people/People.ts"
import { EVENT_NAMES, wordsOf } from "../events.ts"
import { frameOf, query, route } from "../route.ts"
import { owner } from "../visitor.ts"
import { sections } from "./sections.ts"

const PAGE_SIZE = 50

/** What else is known of an event: short values alone. */
const detailOf = (detail: unknown): string =>
  typeof detail === "object" && detail !== null
    ? Object.entries(detail)
        .map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`)
        .join(", ")
        .slice(0, 300)
    : ""

/** Who it concerns, and who did it where that is somebody else. */
const whoOf = ({ person_email, person_id, actor_email }: EventRow) => {
  const person = person_email ?? person_id ?? ""
  if (actor_email === null || actor_email === person) return person
  return person === "" ? `by ${actor_email}` : `${person}, by ${actor_email}`
}

const rowOf = (event: EventRow): ReadonlyArray<string | Html> => {
  const more = [event.client_id === null ? "" : `app: ${event.client_id}`, detailOf(event.detail)].filter(
    (text) => text !== ""
  )
  return [
    html`${time(event.at, "exact")}`,
    html`${wordsOf(event)}${more.length > 0 && html`<br><span class="soft">${more.join(", ")}</span>`}`,
    whoOf(event),
    event.address ?? ""
  ]
}

const filterForm = (
  event: string | undefined,
  person: string | undefined
) => html`<form method="get" action="/admin/events">
<div class="field">
<label for="event">Kind</label>
<select id="event" name="event">
<option value="">All</option>
${EVENT_NAMES.map((name) => html`<option value="${name}"${name === event && html` selected`}>${wordsOf({ event: name })}</option>\n`)}</select>
</div>
${person !== undefined && html`<input type="hidden" name="person" value="${person}">\n`}<div class="actions">
<button>Show</button>
</div>
</form>
`

const show = Effect.gen(function* () {
  const visit = yield* owner
  const asked = yield* query
  const [event, personId, before] = [asked.get("event"), asked.get("person"), asked.get("before")]
  const isPlace = before === undefined || /^\d{1,18}$/.test(before)
  const found = yield* (yield* People).events({
    event,
    personId,
    before: isPlace ? before : undefined,
    limit: PAGE_SIZE + 1
  })
  const shown = found.slice(0, PAGE_SIZE)
  const last = shown.at(-1)
  const onwards = (id: string | undefined) =>
    `/admin/events?${new URLSearchParams(
      Object.entries({ event, person: personId, before: id }).flatMap(
        ([name, value]): Array<[string, string]> => (value === undefined ? [] : [[name, value]])
      )
    )}`
  return yield* page({
    title: "Events",
    wide: true,
    script: "local",
    signedIn: yield* frameOf(visit, "admin"),
    body: html`${sections("events")}${section(
      personId === undefined ? "What happened" : "What concerned one person",
      html`${filterForm(event, personId)}${table({
        caption: "Events, the newest first",
        columns: ["When", "What", "Who", "From"],
        rows: shown.map(rowOf),
        empty: emptyState("Nothing", "No event fits.")
      })}${pager(
        before === undefined ? undefined : onwards(undefined),
        found.length > PAGE_SIZE ? onwards(last?.id) : undefined
      )}`
    )}`
  })
})

export const AdminEventsRoutes = HttpRouter.use(
  Effect.fn("AdminEventsRoutes")(function* (router) {
    yield* route(router, "/admin/events", { GET: show })
  })
)
