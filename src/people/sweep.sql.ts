/** Deletion of what nobody can use any more, in bounded batches; by `now()`, as in `oauth/grants/sweep.sql.ts`. */

import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow } from "../database/query.ts"

/** Rows deleted, by kind. */
export interface PeopleSwept {
  readonly browserSessions: number
  readonly ceremonies: number
  readonly links: number
}

const decodeCount = firstRow(Schema.Struct({ count: Schema.Number }))

export const makePeopleSweep = (sql: SqlClient.SqlClient) => {
  const expired = (table: "browser_sessions" | "ceremonies" | "links", batch: number) => {
    const from = sql.literal(`mcp.${table}`)
    return Effect.map(
      decodeCount(sql`
        with gone as (
          delete from ${from} where ctid = any(array(
            select ctid from ${from} where expires_at <= now() order by expires_at limit ${batch} for update skip locked
          )) returning 1
        )
        select count(*)::int as count from gone`),
      (row) => row?.count ?? 0
    )
  }
  return Effect.fn("People.sweep")(function* (batch: number) {
    return {
      browserSessions: yield* expired("browser_sessions", batch),
      ceremonies: yield* expired("ceremonies", batch),
      links: yield* expired("links", batch)
    } satisfies PeopleSwept
  })
}
