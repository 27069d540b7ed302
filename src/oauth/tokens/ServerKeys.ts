/** The keys behind token tags and consent forms: kept in the database, so that every instance shares them. */

import { randomBytes } from "node:crypto"
import { Context, Effect, Layer, MutableRef, Schedule, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { firstRow, operation, rows } from "../../database/query.ts"
import type { StoreUnavailable } from "../errors.ts"
import { deriveServerKey, type ServerKey } from "./opaqueToken.ts"

const KeyRow = Schema.Struct({ id: Schema.Number, secret: Schema.Uint8Array, mature: Schema.Boolean })
const decodeKeys = rows(KeyRow)

/** How often an instance looks for new keys; a new key starts signing after twice this time, so all know it by then. */
const REFRESH_INTERVAL_SECONDS = 60

interface Keyring {
  readonly signing: ServerKey
  readonly byId: ReadonlyMap<number, ServerKey>
}

export class ServerKeys extends Context.Service<
  ServerKeys,
  {
    /** The key that signs now. */
    readonly signing: () => ServerKey
    readonly byId: (id: number) => ServerKey | undefined
    /**
     * Adds a key and answers its id, or `undefined` when all 256 ids are taken. The key signs once every instance has
     * had time to see it; the old ones go on verifying.
     */
    readonly rotate: Effect.Effect<number | undefined, StoreUnavailable>
  }
>()("gatehouse/store/ServerKeys") {
  static readonly layer = Layer.effect(
    ServerKeys,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const add = Effect.suspend(() =>
        firstRow(Schema.Struct({ id: Schema.Number }))(sql`
          insert into mcp.server_keys (id, secret)
          select coalesce((select (id + 1) % 256 from mcp.server_keys order by created_at desc, id desc limit 1), 0),
                 ${randomBytes(32)}
          on conflict (id) do nothing returning id::int`)
      )

      const load = Effect.gen(function* () {
        const found = yield* decodeKeys(sql`
          select id::int, secret,
                 created_at < clock_timestamp() - make_interval(secs => ${2 * REFRESH_INTERVAL_SECONDS}) as mature
          from mcp.server_keys order by created_at desc, id desc`)
        const keys = found.map(({ id, secret, mature }) => ({ ...deriveServerKey(id, secret), mature }))
        const signing = keys.find((key) => key.mature) ?? keys.at(-1)
        return signing && ({ signing, byId: new Map(keys.map((key) => [key.id, key])) } satisfies Keyring)
      })

      // The first start makes the first key; of two instances that start at once, one insert wins and both load it.
      const initial = yield* operation(
        Effect.flatMap(load, (found) => (found === undefined ? Effect.andThen(add, load) : Effect.succeed(found)))
      )
      if (initial === undefined) return yield* Effect.die(new Error("mcp.server_keys stayed empty"))
      const keyring = MutableRef.make<Keyring>(initial)

      yield* operation(load).pipe(
        Effect.map((loaded) => loaded && MutableRef.set(keyring, loaded)),
        Effect.catch((error) => Effect.logWarning("server keys could not be refreshed", error)),
        Effect.delay(`${REFRESH_INTERVAL_SECONDS} seconds`),
        Effect.repeat(Schedule.forever),
        Effect.forkScoped
      )

      return ServerKeys.of({
        signing: () => MutableRef.get(keyring).signing,
        byId: (id) => MutableRef.get(keyring).byId.get(id),
        rotate: operation(Effect.map(add, (row) => row?.id))
      })
    })
  )
}
