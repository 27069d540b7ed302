/** Servers that an owner added on the page, and which of all are switched off. */

import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { operation, rows, type StoreUnavailable } from "../../database/query.ts"

/** A server as a page describes it: an address, and never a command. */
export const AddedServer = Schema.Struct({
  name: Schema.String,
  title: Schema.String,
  url: Schema.String,
  auth: Schema.Literals(["none", "oauth"])
})
export type AddedServer = typeof AddedServer.Type

const Name = Schema.Struct({ name: Schema.String })

export class ServersStore extends Context.Service<
  ServersStore,
  {
    readonly added: Effect.Effect<ReadonlyArray<AddedServer>, StoreUnavailable>
    /** False where the name is taken. */
    readonly add: (server: AddedServer, by: string) => Effect.Effect<boolean, StoreUnavailable>
    readonly remove: (name: string) => Effect.Effect<boolean, StoreUnavailable>
    /** The names of what is switched off. */
    readonly switchedOff: Effect.Effect<ReadonlySet<string>, StoreUnavailable>
    readonly turn: (name: string, isOff: boolean, by: string) => Effect.Effect<void, StoreUnavailable>
  }
>()("gatehouse/gateway/catalogue/ServersStore") {
  static readonly layer = Layer.effect(
    ServersStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const decodeAdded = rows(AddedServer)
      const decodeNames = rows(Name)
      return ServersStore.of({
        added: operation(decodeAdded(sql`select name, title, url, auth from mcp.servers order by created_at, name`)),
        add: ({ name, title, url, auth }, by) =>
          operation(
            Effect.map(
              decodeNames(sql`
                insert into mcp.servers (name, title, url, auth, created_by)
                values (${name}, ${title}, ${url}, ${auth}, ${by}) on conflict do nothing returning name`),
              (added) => added.length > 0
            )
          ),
        remove: (name) =>
          operation(
            Effect.map(
              decodeNames(sql`delete from mcp.servers where name = ${name} returning name`),
              (removed) => removed.length > 0
            )
          ),
        switchedOff: operation(
          Effect.map(
            decodeNames(sql`select name from mcp.server_switches where is_off`),
            (all) => new Set(all.map(({ name }) => name))
          )
        ),
        turn: (name, isOff, by) =>
          Effect.asVoid(
            operation(sql`
              insert into mcp.server_switches (name, is_off, changed_by) values (${name}, ${isOff}, ${by})
              on conflict (name) do update
              set is_off = excluded.is_off, changed_by = excluded.changed_by, changed_at = clock_timestamp()`)
          )
      })
    })
  )
}
