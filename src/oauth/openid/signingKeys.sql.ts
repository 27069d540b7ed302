/** The keys of ID tokens in the database. */

import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { rows } from "../../database/query.ts"
import { ID_TOKEN_ALGORITHMS, type IdTokenAlgorithm } from "../clients/client.ts"

const decodeKeys = rows(
  Schema.Struct({
    kid: Schema.String,
    alg: Schema.Literals(ID_TOKEN_ALGORITHMS),
    public_jwk: Schema.Record(Schema.String, Schema.Unknown),
    sealed_private: Schema.Uint8Array,
    /** In seconds. */
    age: Schema.Number
  })
)

/** A key that was just made. */
export interface NewKey {
  readonly kid: string
  readonly alg: IdTokenAlgorithm
  readonly publicJwk: object
  readonly sealedPrivate: Uint8Array
}

/** The newest first. */
export const all = (sql: SqlClient.SqlClient) =>
  decodeKeys(sql`
    select kid, alg, public_jwk, sealed_private, extract(epoch from clock_timestamp() - created_at)::float8 as age
    from mcp.signing_keys order by created_at desc, kid`)

const insert = (sql: SqlClient.SqlClient, { kid, alg, publicJwk, sealedPrivate }: NewKey) => sql`
  insert into mcp.signing_keys (kid, alg, public_jwk, sealed_private)
  values (${kid}, ${alg}, ${JSON.stringify(publicJwk)}::jsonb, ${sealedPrivate})`

/** Adds keys, or those alone that nobody else has made since `known` were read. */
export const add = Effect.fn("signingKeys.add")(function* (
  sql: SqlClient.SqlClient,
  keys: ReadonlyArray<NewKey>,
  known?: ReadonlySet<string>
) {
  return yield* sql.withTransaction(
    Effect.gen(function* () {
      if (known !== undefined) {
        yield* sql`lock table mcp.signing_keys in share row exclusive mode`
        const now = yield* all(sql)
        if (now.some(({ kid }) => !known.has(kid))) return
      }
      yield* Effect.forEach(keys, (key) => insert(sql, key), { discard: true })
    })
  )
})
