/** Registered clients. */

import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { StoreUnavailable } from "../domain/errors.ts"
import type { Client } from "../domain/model.ts"
import { firstRow, operation } from "./query.ts"

const ClientRow = Schema.Struct({
  client_id: Schema.String,
  client_name: Schema.String,
  redirect_uris: Schema.Array(Schema.String),
  grant_types: Schema.Array(Schema.Literals(["authorization_code", "refresh_token"])),
  token_endpoint_auth_methods: Schema.Array(Schema.Literals(["none", "client_secret_basic", "client_secret_post"])),
  secret_hash: Schema.NullOr(Schema.Uint8Array),
  secret_salt: Schema.NullOr(Schema.Uint8Array),
  secret_kdf: Schema.NullOr(Schema.String),
  disabled: Schema.Boolean
})
const decodeClient = firstRow(ClientRow)

const toClient = (row: typeof ClientRow.Type): Client => ({
  clientId: row.client_id,
  name: row.client_name,
  redirectUris: row.redirect_uris,
  grantTypes: row.grant_types,
  authMethods: row.token_endpoint_auth_methods,
  secret: row.secret_hash === null ? undefined : { hash: row.secret_hash, salt: row.secret_salt, kdf: row.secret_kdf },
  disabled: row.disabled
})

export class ClientRegistry extends Context.Service<
  ClientRegistry,
  {
    readonly find: (clientId: string) => Effect.Effect<Client | undefined, StoreUnavailable>
    /** Registers a client, or replaces what is known of it. Its sessions go on. */
    readonly save: (client: Client) => Effect.Effect<void, StoreUnavailable>
  }
>()("gatehouse/store/ClientRegistry") {
  static readonly layer = Layer.effect(
    ClientRegistry,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const find = Effect.fn("ClientRegistry.find")(function* (clientId: string) {
        // Postgres text holds no NUL; such an id exists nowhere.
        if (clientId.includes("\0")) return undefined
        const row = yield* decodeClient(sql`
          select client_id, client_name, redirect_uris, grant_types, token_endpoint_auth_methods,
                 secret_hash, secret_salt, secret_kdf, disabled_at is not null as disabled
          from mcp.oauth_clients where client_id = ${clientId}`)
        return row && toClient(row)
      }, operation)

      const save = Effect.fn("ClientRegistry.save")(function* (client: Client) {
        const { hash = null, salt = null, kdf = null } = client.secret ?? {}
        yield* sql`
          insert into mcp.oauth_clients (client_id, client_name, redirect_uris, grant_types,
                                         token_endpoint_auth_methods, secret_hash, secret_salt, secret_kdf)
          values (${client.clientId}, ${client.name}, ${client.redirectUris}, ${client.grantTypes},
                  ${client.authMethods}, ${hash}, ${salt}, ${kdf})
          on conflict (client_id) do update set
            client_name = excluded.client_name, redirect_uris = excluded.redirect_uris,
            grant_types = excluded.grant_types,
            token_endpoint_auth_methods = excluded.token_endpoint_auth_methods,
            secret_hash = excluded.secret_hash, secret_salt = excluded.secret_salt, secret_kdf = excluded.secret_kdf,
            updated_at = clock_timestamp()`
      }, operation)

      return ClientRegistry.of({ find, save })
    })
  )
}
