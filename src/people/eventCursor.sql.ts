/** How far a receiver of events has been told. */

import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow } from "../database/query.ts"

const decodeCursor = firstRow(Schema.Struct({ last_id: Schema.String }))

export const makeEventCursor = (sql: SqlClient.SqlClient, name: string) => ({
  /** The id of the last event; of a new receiver the newest that there is, since what was is not news. */
  read: Effect.gen(function* () {
    yield* sql`
      insert into mcp.event_cursors (name, last_id) select ${name}, coalesce(max(id), 0) from mcp.audit_events
      on conflict (name) do nothing`
    const row = yield* decodeCursor(sql`select last_id::text from mcp.event_cursors where name = ${name}`)
    return row?.last_id ?? "0"
  }),
  /** Whether it still stood where it was believed to. */
  move: Effect.fn("eventCursor.move")(function* (from: string, to: string) {
    const moved = yield* decodeCursor(sql`
      update mcp.event_cursors set last_id = ${to}::bigint, updated_at = clock_timestamp()
      where name = ${name} and last_id = ${from}::bigint returning last_id::text`)
    return moved !== undefined
  })
})
