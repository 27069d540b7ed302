/** What an operator, or the person concerned, must be able to look up later. It holds no token, no code and no secret. */

import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { rows } from "../database/query.ts"

/** Something that happened to a person's account, a client or a session. */
export interface NewEvent {
  readonly event: string
  /** Whom it concerns. */
  readonly personId?: string | undefined
  /** Who did it, if they were signed in; nobody for the command line. */
  readonly actorId?: string | undefined
  readonly clientId?: string | undefined
  readonly address?: string | undefined
  readonly detail?: Readonly<Record<string, unknown>>
}

/** Written in the transaction of what it tells of. */
export const recordEvent = (sql: SqlClient.SqlClient, event: NewEvent) => sql`
  insert into mcp.audit_events (event, person_id, actor_id, client_id, address, detail)
  values (${event.event}, ${event.personId ?? null}, ${event.actorId ?? null}, ${event.clientId ?? null},
          ${event.address ?? null}, ${JSON.stringify(event.detail ?? {})}::jsonb)`

const EventRow = Schema.Struct({
  id: Schema.String,
  at: Schema.Date,
  event: Schema.String,
  person_id: Schema.NullOr(Schema.String),
  person_email: Schema.NullOr(Schema.String),
  actor_email: Schema.NullOr(Schema.String),
  client_id: Schema.NullOr(Schema.String),
  address: Schema.NullOr(Schema.String),
  detail: Schema.Unknown
})
export type EventRow = typeof EventRow.Type

/** Which events, the newest first: those before one of them, at most so many. */
export interface EventFilter {
  readonly event?: string | undefined
  readonly personId?: string | undefined
  /** The id of an event: only older ones. */
  readonly before?: string | undefined
  readonly limit: number
}

/** Which events, the oldest first, for whoever reads all of them: those after one, or since a moment. */
export interface EventsAfter {
  readonly after?: string | undefined
  readonly since?: Date | undefined
  readonly limit: number
}

/**
 * An event has its id before its transaction is over, so a younger one may be there earlier. No transaction takes longer than
 * the database allows a statement, and what waits for it: by then whoever reads on has missed nothing.
 */
const SETTLED_SECONDS = 10

export const makeEvents = (sql: SqlClient.SqlClient) => {
  const decode = rows(EventRow)
  const decodeSettling = rows(Schema.Struct({ ...EventRow.fields, is_settled: Schema.Boolean }))
  const told = sql`
        select e.id::text, e.at, e.event, coalesce(e.person_id::text, s.subject) as person_id, p.email as person_email,
               a.email as actor_email, e.client_id, e.address, e.detail
        from mcp.audit_events e
        left join mcp.mcp_sessions s on s.id = e.session_id
        left join mcp.people p on p.id::text = coalesce(e.person_id::text, s.subject)
        left join mcp.people a on a.id = e.actor_id`
  return {
    /** Events of a session belong to its person too. */
    list: Effect.fn("People.events")(function* ({ event, personId, before, limit }: EventFilter) {
      return yield* decode(sql`
        ${told}
        where (${event ?? null}::text is null or e.event = ${event ?? null})
          and (${personId ?? null}::text is null or coalesce(e.person_id::text, s.subject) = ${personId ?? null})
          and (${before ?? null}::bigint is null or e.id < ${before ?? null}::bigint)
        order by e.id desc limit ${limit}`)
    }),
    after: Effect.fn("People.eventsAfter")(function* ({ after, since, limit }: EventsAfter) {
      const moment = since?.toISOString() ?? null
      const found = yield* decodeSettling(sql`
        select *, told.at < clock_timestamp() - make_interval(secs => ${SETTLED_SECONDS}) as is_settled
        from (${told}
              where e.id > ${after ?? "0"}::bigint and (${moment}::timestamptz is null or e.at >= ${moment}::timestamptz)
              order by e.id limit ${limit}) told`)
      const unsettled = found.findIndex(({ is_settled }) => !is_settled)
      return unsettled === -1 ? found : found.slice(0, unsettled)
    })
  }
}

/** An event as it is told to other programs: names that stay, and null where there is nothing. */
export const exported = ({
  id,
  at,
  event,
  person_id,
  person_email,
  actor_email,
  client_id,
  address,
  detail
}: EventRow) => ({
  id,
  at: at.toISOString(),
  event,
  person_id,
  person: person_email,
  by: actor_email,
  client_id,
  from: address,
  detail
})
