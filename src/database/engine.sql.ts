/**
 * What the engine does without. Some that speak Postgres's protocol are something else underneath: they take a statement, and do
 * not do what it says. So one of two sessions holds something, and the other one tries to get it.
 */

import { Effect, Random } from "effect"
import { SqlClient } from "effect/sql"
import type { SqlError } from "effect/sql/SqlError"

type Values = ReadonlyArray<ReadonlyArray<unknown>>
type Ask = (statement: string, parameters: ReadonlyArray<unknown>) => Effect.Effect<Values, SqlError>

/** Whether it is there, by what is in the way of it where it is not. In a transaction of the one session. */
const PROBES: Readonly<Record<string, (sql: SqlClient.SqlClient, other: Ask) => Effect.Effect<boolean, SqlError>>> = {
  "waiting for who was first (read committed: it fails instead, and that is a 503 here)": (sql) =>
    Effect.map(
      sql<{ readonly level: string }>`select current_setting('transaction_isolation') as level`,
      ([row]) => row?.level === "read committed"
    ),
  "row locks (a session may get two chains of tokens: it is not fit for this)": Effect.fnUntraced(
    function* (sql, other) {
      const [row] = yield* sql<{ readonly version: string }>`
      select version from mcp.schema_migrations order by version limit 1 for update`
      const free = yield* other("select 1 from mcp.schema_migrations where version = $1 for update skip locked", [
        row?.version
      ])
      return row !== undefined && free.length === 0
    }
  ),
  "advisory locks (two migrations at once are not kept apart, nor the first two sights of a person or a mount)":
    Effect.fnUntraced(function* (sql, other) {
      const key = yield* Random.nextIntBetween(2 ** 40, 2 ** 41)
      yield* sql`select pg_advisory_xact_lock(${key}::bigint)`
      const [taken] = yield* other("select pg_try_advisory_xact_lock($1::bigint)", [key])
      return taken?.[0] === false
    })
}

/** A phrase for each thing that it does without, or that it did not show. Two connections are taken for a moment. */
export const lacking = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const other = yield* sql.reserve
  const ask: Ask = (statement, parameters) => other.executeValuesUnprepared(statement, parameters)
  const phrases = Object.entries(PROBES).map(([phrase, probe]) =>
    sql.withTransaction(probe(sql, ask)).pipe(
      Effect.orElseSucceed(() => false),
      Effect.map((isThere) => (isThere ? [] : [phrase]))
    )
  )
  return (yield* Effect.all(phrases)).flat()
}).pipe(
  Effect.scoped,
  // Where there is no second connection, nothing was tried.
  Effect.orElseSucceed((): ReadonlyArray<string> => [])
)
