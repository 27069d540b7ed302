/** `admin events`: what happened, to look at; and all of it in its order, for programs that keep it elsewhere. */

import { Console, Effect, Option, Predicate } from "effect"
import { Command, Flag } from "effect/cli"
import { exported } from "../../../people/events.sql.ts"
import { People } from "../../../people/People.ts"
import { before, person, subjectOf } from "./apps.ts"
import { json, limit, NotDone, printRows } from "./print.ts"

const BATCH = 500
const LOOKS_AGAIN = "2 seconds"

/** An event's id, or a moment. */
const readSince = (text: string) => {
  if (/^\d{1,18}$/.test(text)) return { after: text, since: undefined }
  const since = new Date(text)
  return Number.isNaN(since.getTime()) ? undefined : { after: undefined, since }
}

/** Prints a line for each event, and goes on with those to come if it is to follow. */
const printAll = Effect.fn("events.printAll")(function* (
  start: { readonly after: string | undefined; readonly since: Date | undefined },
  follow: boolean
) {
  const people = yield* People
  let { after } = start
  for (;;) {
    const found = yield* people.eventsAfter({ after, since: start.since, limit: BATCH })
    for (const event of found) yield* Console.log(JSON.stringify(exported(event)))
    after = found.at(-1)?.id ?? after
    if (found.length === BATCH) continue
    if (!follow) return
    yield* Effect.sleep(LOOKS_AGAIN)
  }
})

export const events = Command.make(
  "events",
  {
    person,
    event: Flag.String("event").pipe(Flag.withDescription("a kind, such as signed_in"), Flag.optional),
    limit: limit(100),
    before: before((text) => /^\d{1,18}$/.test(text)),
    since: Flag.String("since").pipe(
      Flag.withDescription(
        "an id, or a moment such as 2026-11-01: everything after it, the oldest first, a line of JSON each"
      ),
      Flag.filter(
        (text) => readSince(text) !== undefined,
        (text) => `${text} is neither an id nor a moment`
      ),
      Flag.optional
    ),
    follow: Flag.Boolean("follow").pipe(
      Flag.withDescription("with --since: go on with what happens from now on"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fn("events")(function* ({ person, event, limit, before, since, follow, json }) {
    const start = Option.isSome(since) ? readSince(since.value) : undefined
    if (start !== undefined) {
      if (Option.isSome(person) || Option.isSome(event) || Option.isSome(before)) {
        return yield* new NotDone({ message: "--since tells of everything: leave out --person, --event and --before" })
      }
      return yield* printAll(start, follow)
    }
    if (follow) return yield* new NotDone({ message: "say since when: --since" })
    const found = yield* (yield* People).events({
      personId: yield* subjectOf(person),
      event: Option.getOrUndefined(event),
      before: Option.getOrUndefined(before),
      limit
    })
    const rows = found.map((one) => ({
      at: one.at,
      event: one.event,
      person: one.person_email ?? one.person_id ?? undefined,
      by: one.actor_email ?? undefined,
      client_id: one.client_id ?? undefined,
      from: one.address ?? undefined,
      detail: Predicate.isObject(one.detail) ? one.detail : undefined,
      id: one.id
    }))
    yield* printRows(json, ["at", "event", "person", "by", "client_id", "from", "detail", "id"], rows)
  })
).pipe(Command.withDescription("What happened, the newest first; or all of it in its order"))
