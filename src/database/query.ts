/** How the stores speak to the database. */

import { Effect, Schema } from "effect"
import type { SqlError } from "effect/sql/SqlError"

/** The database did not answer. Always 503 with `Retry-After`: clients throw credentials away on `invalid_*`. */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  cause: Schema.Defect()
}) {}

/**
 * A store operation as its callers see it: the database's failure is one typed error (503), and a row that does not
 * fit its schema is a defect, since only we write rows.
 */
export const operation = <A, R>(
  effect: Effect.Effect<A, SqlError | Schema.SchemaError | StoreUnavailable, R>
): Effect.Effect<A, StoreUnavailable, R> =>
  effect.pipe(
    Effect.catchTag("SqlError", (cause) => Effect.fail(new StoreUnavailable({ cause }))),
    Effect.catchTag("SchemaError", Effect.die)
  )

/** Decodes all rows of a statement. */
export const rows = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(Schema.Array(schema))
  return <E, R>(statement: Effect.Effect<ReadonlyArray<unknown>, E, R>) => Effect.flatMap(statement, decode)
}

/** Decodes the first row of a statement, if there is one. */
export const firstRow = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = rows(schema)
  return <E, R>(statement: Effect.Effect<ReadonlyArray<unknown>, E, R>) =>
    Effect.map(decode(statement), (all): S["Type"] | undefined => all[0])
}
