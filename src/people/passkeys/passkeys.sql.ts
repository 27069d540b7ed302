/** Passkeys in the database. */

import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow, rows } from "../../database/query.ts"
import { recordEvent } from "../events.sql.ts"
import { type Actor, type Here, hasOtherWayIn, hold } from "../people.sql.ts"

/** A credential that was made just now. */
export interface NewPasskey {
  /** Base64url, as browsers write it. */
  readonly id: string
  readonly rpId: string
  readonly publicKey: Uint8Array
  readonly counter: number
  readonly transports: ReadonlyArray<string>
  readonly isSynced: boolean
  readonly name: string
}

/** A person's passkey, as they know it. */
export interface Passkey {
  readonly id: string
  /** The host that it works at. */
  readonly rpId: string
  readonly name: string
  readonly isSynced: boolean
  readonly createdAt: Date
  readonly lastUsedAt: Date | undefined
}

const decodePasskeys = rows(
  Schema.Struct({
    credential_id: Schema.String,
    rp_id: Schema.String,
    name: Schema.String,
    is_synced: Schema.Boolean,
    created_at: Schema.Date,
    last_used_at: Schema.NullOr(Schema.Date)
  })
)
const decodeKey = firstRow(
  Schema.Struct({
    person_id: Schema.String,
    webauthn_id: Schema.Uint8Array,
    public_key: Schema.Uint8Array,
    counter: Schema.Number,
    is_synced: Schema.Boolean,
    transports: Schema.Array(Schema.String)
  })
)
const decodeHosts = rows(Schema.Struct({ rp_id: Schema.String }))

export const makePasskeys = (sql: SqlClient.SqlClient) => {
  const list = Effect.fn("Passkeys.list")(function* (personId: string) {
    const found = yield* decodePasskeys(sql`
      select credential_id, rp_id, name, is_synced, created_at, last_used_at
      from mcp.passkeys where person_id = ${personId} order by created_at`)
    return found.map(
      (row): Passkey => ({
        id: row.credential_id,
        rpId: row.rp_id,
        name: row.name,
        isSynced: row.is_synced,
        createdAt: row.created_at,
        lastUsedAt: row.last_used_at ?? undefined
      })
    )
  })

  /** What a passkey of this host is checked by. */
  const keyOf = (id: string, rpId: string) =>
    decodeKey(sql`
      select k.person_id::text, p.webauthn_id, k.public_key, k.counter::float8 as counter, k.is_synced, k.transports
      from mcp.passkeys k join mcp.people p on p.id = k.person_id
      where k.credential_id = ${id} and k.rp_id = ${rpId} and p.disabled_at is null`)

  /** `false` when somebody has it already. */
  const add = Effect.fn("Passkeys.add")(function* (personId: string, passkey: NewPasskey, actor: Actor) {
    const { id, rpId, publicKey, counter, transports, isSynced, name } = passkey
    const added = yield* sql`
      insert into mcp.passkeys (credential_id, person_id, rp_id, public_key, counter, transports, is_synced, name)
      values (${id}, ${personId}, ${rpId}, ${publicKey}, ${counter}, ${transports}, ${isSynced}, ${name})
      on conflict (credential_id) do nothing returning 1`
    if (added.length === 0) return false
    const detail = { name }
    yield* recordEvent(sql, { event: "passkey_added", personId, actorId: actor.id, address: actor.address, detail })
    return true
  }, sql.withTransaction)

  /** Of two uses at once that show the same count one is a copy's. `false` for that one. */
  const used = (id: string, counter: number) =>
    Effect.map(
      sql`
        update mcp.passkeys set counter = ${counter}, last_used_at = clock_timestamp()
        where credential_id = ${id} and (counter < ${counter} or (counter = 0 and ${counter} = 0)) returning 1`,
      (rows) => rows.length > 0
    )

  const refused = (personId: string, id: string, address: string) =>
    recordEvent(sql, { event: "passkey_refused", personId, address, detail: { passkey: id.slice(0, 16) } })

  const rename = (personId: string, id: string, name: string) =>
    Effect.map(
      sql`update mcp.passkeys set name = ${name} where credential_id = ${id} and person_id = ${personId} returning 1`,
      (rows) => rows.length > 0
    )

  /** Never the last way in; one of another host is none. */
  const remove = Effect.fn("Passkeys.remove")(function* (personId: string, id: string, here: Here, actor: Actor) {
    yield* hold(sql, personId)
    const removed = yield* sql`
      delete from mcp.passkeys where credential_id = ${id} and person_id = ${personId}
        and (rp_id <> ${here.rpId} or ${hasOtherWayIn(sql, personId, here, { passkey: id })})
      returning 1`
    if (removed.length === 0) return false
    yield* recordEvent(sql, { event: "passkey_removed", personId, actorId: actor.id, address: actor.address })
    return true
  }, sql.withTransaction)

  /** The other hosts that there are passkeys of. */
  const foreignHosts = (rpId: string) =>
    Effect.map(
      decodeHosts(sql`select distinct rp_id from mcp.passkeys where rp_id <> ${rpId} order by rp_id limit 5`),
      (found) => found.map(({ rp_id }) => rp_id)
    )

  return { list, keyOf, add, used, refused, rename, remove, foreignHosts }
}
