/** Deletion of what nobody can use any more, in bounded batches; by `now()`, as in `oauth/grants/sweep.sql.ts`. */

import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow } from "../database/query.ts"
import { BROWSER_LIFETIMES } from "./browserSessions.sql.ts"

/** Rows deleted, by kind. */
export interface PeopleSwept {
  readonly browserSessions: number
  readonly ceremonies: number
  readonly links: number
  readonly events: number
}

const decodeCount = firstRow(Schema.Struct({ count: Schema.Number }))

const DAY_SECONDS = 86_400

/** Events are kept for so many days. */
export const makePeopleSweep = (sql: SqlClient.SqlClient, eventDays: number) => {
  /** At most `batch` rows of which a moment is so many seconds ago. */
  const past = (
    table: "browser_sessions" | "ceremonies" | "links" | "audit_events",
    moment: "expires_at" | "last_used_at" | "at",
    seconds: number,
    batch: number
  ) => {
    const [from, at] = [sql.literal(`mcp.${table}`), sql.literal(moment)]
    return Effect.map(
      decodeCount(sql`
        with gone as (
          delete from ${from} where ctid = any(array(
            select ctid from ${from} where ${at} <= now() - make_interval(secs => ${seconds})
            order by ${at} limit ${batch} for update skip locked
          )) returning 1
        )
        select count(*)::int as count from gone`),
      (row) => row?.count ?? 0
    )
  }
  return Effect.fn("People.sweep")(function* (batch: number) {
    const ended = yield* past("browser_sessions", "expires_at", 0, batch)
    // An owner's has ended in any case before a member's was idle for so long.
    const idle = yield* past("browser_sessions", "last_used_at", BROWSER_LIFETIMES.member.idle, batch - ended)
    return {
      browserSessions: ended + idle,
      ceremonies: yield* past("ceremonies", "expires_at", 0, batch),
      links: yield* past("links", "expires_at", 0, batch),
      events: yield* past("audit_events", "at", eventDays * DAY_SECONDS, batch)
    } satisfies PeopleSwept
  })
}
