/** When sessions were last used: gathered in memory and written once a minute, so that no call waits for it. */

import { Array as Arr, Effect, Schedule } from "effect"
import type { SqlClient } from "effect/sql"
import { operation } from "../../database/query.ts"
import { orTell } from "./background.ts"

const INTERVAL = "1 minute"
/** Sessions in one statement: few enough that nobody waits for their locks. */
const BATCH = 1000

/** Writes in the background, and once more when the scope closes. What could not be written is tried again. */
export const makeLastUse = Effect.fnUntraced(function* (sql: SqlClient.SqlClient) {
  const used = new Set<string>()

  // Locked in one order: two instances that write the same sessions wait for each other, and never in a circle.
  const write = (batch: ReadonlyArray<string>) =>
    Effect.andThen(
      operation(sql`
        update mcp.mcp_sessions set last_used_at = clock_timestamp()
        where id in (select id from mcp.mcp_sessions where id = any(${batch}::uuid[]) order by id for no key update)`),
      Effect.sync(() => {
        for (const sessionId of batch) used.delete(sessionId)
      })
    )
  const flush = Effect.suspend(() => Effect.forEach(Arr.chunksOf(used, BATCH), write, { discard: true })).pipe(
    orTell("the times of last use were not written; they will be")
  )

  yield* Effect.addFinalizer(() => flush)
  yield* flush.pipe(Effect.delay(INTERVAL), Effect.repeat(Schedule.forever), Effect.forkScoped)
  return { mark: (sessionId: string) => void used.add(sessionId) }
})
