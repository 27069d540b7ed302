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

export const makeEvents = (sql: SqlClient.SqlClient) => {
  const decode = rows(EventRow)
  return {
    /** Events of a session belong to its person too. */
    list: Effect.fn("People.events")(function* ({ event, personId, before, limit }: EventFilter) {
      return yield* decode(sql`
        select e.id::text, e.at, e.event, coalesce(e.person_id::text, s.subject) as person_id, p.email as person_email,
               a.email as actor_email, e.client_id, e.address, e.detail
        from mcp.audit_events e
        left join mcp.mcp_sessions s on s.id = e.session_id
        left join mcp.people p on p.id::text = coalesce(e.person_id::text, s.subject)
        left join mcp.people a on a.id = e.actor_id
        where (${event ?? null}::text is null or e.event = ${event ?? null})
          and (${personId ?? null}::text is null or coalesce(e.person_id::text, s.subject) = ${personId ?? null})
          and (${before ?? null}::bigint is null or e.id < ${before ?? null}::bigint)
        order by e.id desc limit ${limit}`)
    })
  }
}
