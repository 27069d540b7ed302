/**
 * Recovery codes: ten, shown once, each good once, for a link to a new way to sign in and for nothing else. 125 random bits
 * each, so a plain hash keeps them (ASVS 6.5.2).
 */

import { createHash, randomBytes } from "node:crypto"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { firstRow, operation, type StoreUnavailable } from "../database/query.ts"
import { recordEvent } from "./events.sql.ts"
import { type Actor, hold } from "./people.sql.ts"

const COUNT = 10
/** Crockford's base 32: no letter is taken for a digit. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
const LENGTH = 25

const newCode = () => Array.from(randomBytes(LENGTH), (byte) => ALPHABET[byte & 31]).join("")

/** In groups of five, to be written down. */
export const format = (code: string): string => code.match(/.{5}/g)?.join("-") ?? code

/** As it was written, whatever the hand made of it; nothing for what can be no code. */
export const parse = (typed: string): string | undefined => {
  const code = typed.toUpperCase().replace(/[\s-]/g, "").replaceAll("O", "0").replace(/[IL]/g, "1")
  return code.length === LENGTH && [...code].every((letter) => ALPHABET.includes(letter)) ? code : undefined
}

const hashOf = (code: string) => createHash("sha256").update(code).digest()
const decodeCount = firstRow(Schema.Struct({ count: Schema.Number }))

export class RecoveryStore extends Context.Service<
  RecoveryStore,
  {
    /** Ten new ones, as they are shown to the person; those before are dead. May stand in a transaction. */
    readonly renew: (
      personId: string,
      actor: Actor
    ) => Effect.Effect<ReadonlyArray<Redacted.Redacted>, StoreUnavailable>
    readonly left: (personId: string) => Effect.Effect<number, StoreUnavailable>
    /** Uses one up for what it `opens`, in one transaction; nothing happens if it is not this person's. */
    readonly spend: <A>(
      personId: string,
      typed: Redacted.Redacted,
      address: string,
      opens: Effect.Effect<A, StoreUnavailable>
    ) => Effect.Effect<A | undefined, StoreUnavailable>
  }
>()("gatehouse/people/RecoveryStore") {
  static readonly layer = Layer.effect(
    RecoveryStore,
    Effect.map(SqlClient.SqlClient, (sql) => {
      const renew = Effect.fn("RecoveryStore.renew")(function* (personId: string, actor: Actor) {
        yield* hold(sql, personId)
        const codes = Array.from({ length: COUNT }, newCode)
        yield* sql`delete from mcp.recovery_codes where person_id = ${personId}`
        yield* sql`
          insert into mcp.recovery_codes (code_hash, person_id)
          select unnest(${codes.map(hashOf)}::bytea[]), ${personId}`
        yield* recordEvent(sql, {
          event: "recovery_codes_made",
          personId,
          actorId: actor.id,
          address: actor.address
        })
        return codes.map((code) => Redacted.make(format(code)))
      }, sql.withTransaction)

      const spend = Effect.fn("RecoveryStore.spend")(function* <A>(
        personId: string,
        typed: Redacted.Redacted,
        address: string,
        opens: Effect.Effect<A, StoreUnavailable>
      ) {
        const code = parse(Redacted.value(typed))
        if (code === undefined) return undefined
        if (!(yield* hold(sql, personId))) return undefined
        const spent = yield* sql`
          delete from mcp.recovery_codes where code_hash = ${hashOf(code)} and person_id = ${personId} returning 1`
        if (spent.length === 0) return undefined
        yield* recordEvent(sql, { event: "recovery_code_used", personId, actorId: personId, address })
        return yield* opens
      }, sql.withTransaction)

      return RecoveryStore.of({
        renew: (personId, actor) => operation(renew(personId, actor)),
        left: (personId) =>
          Effect.map(
            operation(
              decodeCount(sql`select count(*)::int as count from mcp.recovery_codes where person_id = ${personId}`)
            ),
            (row) => row?.count ?? 0
          ),
        spend: (...given) => operation(spend(...given))
      })
    })
  )
}
