/** The keys behind token tags and consent forms: kept in the database, so that every instance shares them. */

import { createSecretKey, hkdfSync, type KeyObject } from "node:crypto"
import { Context, Effect, Layer, MutableRef, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { operation, type StoreUnavailable } from "../../database/query.ts"
import { orTell } from "./background.ts"
import * as Keys from "./serverKeys.sql.ts"

/** A server key (table `server_keys`) with the keys that are derived from it. */
export interface ServerKey {
  readonly id: number
  readonly tokenKey: KeyObject
  readonly consentKey: KeyObject
  readonly sealingKey: KeyObject
}

/** Separate keys for separate purposes, so that a value made for one never passes for the other. */
export const deriveServerKey = (id: number, secret: Uint8Array): ServerKey => {
  // Key objects: bytes would be made into one for every tag, which takes longer than the tag.
  const derive = (purpose: string) =>
    createSecretKey(new Uint8Array(hkdfSync("sha256", secret, "", `gatehouse ${purpose} v1`, 32)))
  return { id, tokenKey: derive("token"), consentKey: derive("consent"), sealingKey: derive("sealing") }
}

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
>()("gatehouse/oauth/ServerKeys") {
  static readonly layer = Layer.effect(
    ServerKeys,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const load = Effect.gen(function* () {
        const found = yield* Keys.all(sql, 2 * REFRESH_INTERVAL_SECONDS)
        const keys = found.map(({ id, secret, mature }) => ({ ...deriveServerKey(id, secret), mature }))
        const signing = keys.find((key) => key.mature) ?? keys.at(-1)
        return signing && ({ signing, byId: new Map(keys.map((key) => [key.id, key])) } satisfies Keyring)
      })

      // The first start makes the first key; of two instances that start at once, one insert wins and both load it.
      const initial = yield* operation(
        Effect.flatMap(load, (found) =>
          found === undefined ? Effect.andThen(Keys.add(sql), load) : Effect.succeed(found)
        )
      )
      if (initial === undefined) return yield* Effect.die(new Error("mcp.server_keys stayed empty"))
      const keyring = MutableRef.make<Keyring>(initial)

      yield* operation(load).pipe(
        Effect.map((loaded) => loaded && MutableRef.set(keyring, loaded)),
        orTell("server keys could not be refreshed"),
        Effect.delay(`${REFRESH_INTERVAL_SECONDS} seconds`),
        Effect.repeat(Schedule.forever),
        Effect.forkScoped
      )

      return ServerKeys.of({
        signing: () => MutableRef.get(keyring).signing,
        byId: (id) => MutableRef.get(keyring).byId.get(id),
        rotate: operation(Keys.add(sql))
      })
    })
  )
}
