/** Registered clients, those that are gone, and the assertions that they used. */

import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { firstRow, operation } from "../../database/query.ts"
import type { StoreUnavailable } from "../errors.ts"
import { AccessCache, LONGEST_MS, now } from "../tokens/Revocations.ts"
import type { Client } from "./client.ts"
import { type EffectiveMetadata, KeySet } from "./metadata.ts"

const ClientRow = Schema.Struct({
  client_id: Schema.String,
  origin: Schema.Literals(["configured", "dynamic", "document"]),
  client_name: Schema.String,
  redirect_uris: Schema.Array(Schema.String),
  grant_types: Schema.Array(Schema.Literals(["authorization_code", "refresh_token"])),
  token_endpoint_auth_methods: Schema.Array(
    Schema.Literals(["none", "client_secret_basic", "client_secret_post", "private_key_jwt"])
  ),
  secret_hash: Schema.NullOr(Schema.Uint8Array),
  secret_salt: Schema.NullOr(Schema.Uint8Array),
  secret_kdf: Schema.NullOr(Schema.String),
  jwks: Schema.NullOr(KeySet),
  jwks_uri: Schema.NullOr(Schema.String),
  disabled: Schema.Boolean
})
const decodeClient = firstRow(ClientRow)
const decodeRegistration = firstRow(
  Schema.Struct({
    ...ClientRow.fields,
    metadata: Schema.Record(Schema.String, Schema.Unknown),
    created_at: Schema.Date
  })
)

const toClient = (row: typeof ClientRow.Type): Client => ({
  clientId: row.client_id,
  origin: row.origin,
  name: row.client_name,
  redirectUris: row.redirect_uris,
  grantTypes: row.grant_types,
  authMethods: row.token_endpoint_auth_methods,
  secret: row.secret_hash === null ? undefined : { hash: row.secret_hash, salt: row.secret_salt, kdf: row.secret_kdf },
  keys:
    row.jwks !== null
      ? { _tag: "Inline", jwks: row.jwks }
      : row.jwks_uri === null
        ? undefined
        : { _tag: "Remote", jwksUri: row.jwks_uri },
  disabled: row.disabled
})

/** A dynamic registration, as its holder may read it (RFC 7592 §3). */
export interface Registration {
  readonly client: Client
  readonly metadata: Readonly<Record<string, unknown>>
  readonly issuedAt: Date
}

const KEPT_CLIENTS = 1000

/** How long a deleted client's id is remembered. */
const REMEMBERED_DAYS = 365

export class ClientRegistry extends Context.Service<
  ClientRegistry,
  {
    readonly find: (clientId: string) => Effect.Effect<Client | undefined, StoreUnavailable>
    /** Registers a client, or replaces what is known of it. Its sessions go on. */
    readonly save: (client: Client) => Effect.Effect<void, StoreUnavailable>
    /** Registers a client dynamically; when the database says that it did. */
    readonly register: (
      client: Client,
      metadata: EffectiveMetadata,
      registrationTokenHash: Uint8Array
    ) => Effect.Effect<Date, StoreUnavailable>
    /** The registration that a registration access token is for. */
    readonly findRegistration: (
      clientId: string,
      registrationTokenHash: Uint8Array
    ) => Effect.Effect<Registration | undefined, StoreUnavailable>
    /** Replaces what a dynamically registered client says of itself; its id, secret and sessions stay. */
    readonly update: (client: Client, metadata: EffectiveMetadata) => Effect.Effect<void, StoreUnavailable>
    /** Deletes a client with its codes, sessions and tokens, and remembers its id. */
    readonly remove: (clientId: string, reason: string) => Effect.Effect<void, StoreUnavailable>
    /** Whether there was such a client. */
    readonly wasRemoved: (clientId: string) => Effect.Effect<boolean, StoreUnavailable>
    /** Spends an assertion; `false` when it had been spent before. */
    readonly spendAssertion: (
      clientId: string,
      jtiHash: Uint8Array,
      expiresAt: Date
    ) => Effect.Effect<boolean, StoreUnavailable>
    /**
     * Deletes at most `batch` dynamic clients that nobody uses, of deleted ids that nobody need remember, and of expired
     * assertions, and counts the clients.
     */
    readonly sweep: (batch: number) => Effect.Effect<number, StoreUnavailable>
  }
>()("gatehouse/store/ClientRegistry") {
  static readonly layer = Layer.effect(
    ClientRegistry,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const cache = yield* AccessCache

      // For the token endpoint: as long as an access token is kept, and on the same conditions (`AccessCache`).
      const kept = new Map<string, { readonly client: Client; readonly epoch: number; readonly until: number }>()

      const columns = sql.literal(
        `client_id, origin, client_name, redirect_uris, grant_types, token_endpoint_auth_methods,
         secret_hash, secret_salt, secret_kdf, jwks, jwks_uri, disabled_at is not null as disabled`
      )
      // Postgres text holds no NUL; such an id exists nowhere.
      const isStorable = (clientId: string) => !clientId.includes("\0")

      const find = Effect.fnUntraced(function* (clientId: string) {
        if (!isStorable(clientId)) return undefined
        const time = yield* now
        const known = kept.get(clientId)
        if (known !== undefined && known.epoch === cache.epoch() && known.until > time) return known.client
        const epoch = cache.epoch()
        const row = yield* decodeClient(sql`select ${columns} from mcp.oauth_clients where client_id = ${clientId}`)
        const client = row && toClient(row)
        if (kept.size >= KEPT_CLIENTS) kept.clear()
        if (client === undefined || !cache.isHearing()) kept.delete(clientId)
        else kept.set(clientId, { client, epoch, until: time + LONGEST_MS })
        return client
      }, operation)

      const valuesOf = (client: Client) => {
        const { hash = null, salt = null, kdf = null } = client.secret ?? {}
        const jwks = client.keys?._tag === "Inline" ? JSON.stringify(client.keys.jwks) : null
        const jwksUri = client.keys?._tag === "Remote" ? client.keys.jwksUri : null
        return { hash, salt, kdf, jwks, jwksUri }
      }

      const insert = (
        client: Client,
        dynamic?: { readonly metadata: EffectiveMetadata; readonly tokenHash: Uint8Array }
      ) => {
        const { hash, salt, kdf, jwks, jwksUri } = valuesOf(client)
        return sql`
          insert into mcp.oauth_clients
            (client_id, origin, client_name, redirect_uris, grant_types, token_endpoint_auth_methods,
             secret_hash, secret_salt, secret_kdf, jwks, jwks_uri, metadata, registration_token_hash)
          values (${client.clientId}, ${client.origin}, ${client.name}, ${client.redirectUris}, ${client.grantTypes},
                  ${client.authMethods}, ${hash}, ${salt}, ${kdf}, ${jwks}::jsonb, ${jwksUri},
                  ${JSON.stringify(dynamic?.metadata ?? {})}::jsonb, ${dynamic?.tokenHash ?? null})`
      }

      const save = Effect.fn("ClientRegistry.save")(function* (client: Client) {
        yield* sql`
          ${insert(client)}
          on conflict (client_id) do update set
            origin = excluded.origin, client_name = excluded.client_name, redirect_uris = excluded.redirect_uris,
            grant_types = excluded.grant_types,
            token_endpoint_auth_methods = excluded.token_endpoint_auth_methods,
            secret_hash = excluded.secret_hash, secret_salt = excluded.secret_salt, secret_kdf = excluded.secret_kdf,
            jwks = excluded.jwks, jwks_uri = excluded.jwks_uri, updated_at = clock_timestamp()`
        kept.delete(client.clientId)
      }, operation)

      const decodeIssued = firstRow(Schema.Struct({ created_at: Schema.Date }))
      const register = Effect.fn("ClientRegistry.register")(
        function* (client: Client, metadata: EffectiveMetadata, tokenHash: Uint8Array) {
          const row = yield* decodeIssued(sql`${insert(client, { metadata, tokenHash })} returning created_at`)
          return row?.created_at ?? (yield* Effect.die(new Error("insert returned no row")))
        },
        Effect.uninterruptible,
        operation
      )

      const findRegistration = Effect.fn("ClientRegistry.findRegistration")(function* (
        clientId: string,
        tokenHash: Uint8Array
      ) {
        if (!isStorable(clientId)) return undefined
        const row = yield* decodeRegistration(sql`
          select ${columns}, metadata, created_at from mcp.oauth_clients
          where client_id = ${clientId} and registration_token_hash = ${tokenHash} and disabled_at is null`)
        return row && { client: toClient(row), metadata: row.metadata, issuedAt: row.created_at }
      }, operation)

      const update = Effect.fn("ClientRegistry.update")(
        function* (client: Client, metadata: EffectiveMetadata) {
          const { hash, jwks, jwksUri } = valuesOf(client)
          yield* sql`
            update mcp.oauth_clients set
              client_name = ${client.name}, redirect_uris = ${client.redirectUris}, grant_types = ${client.grantTypes},
              token_endpoint_auth_methods = ${client.authMethods}, secret_hash = ${hash},
              jwks = ${jwks}::jsonb, jwks_uri = ${jwksUri}, metadata = ${JSON.stringify(metadata)}::jsonb,
              updated_at = clock_timestamp()
            where client_id = ${client.clientId}`
          kept.delete(client.clientId)
        },
        Effect.uninterruptible,
        operation
      )

      const bury = (reason: string) => sql`
        insert into mcp.oauth_deleted_clients (client_id, reason) select client_id, ${reason} from gone
        on conflict (client_id) do update set reason = excluded.reason, deleted_at = excluded.deleted_at`

      const remove = Effect.fn("ClientRegistry.remove")(
        function* (clientId: string, reason: string) {
          yield* sql`
            with gone as (delete from mcp.oauth_clients where client_id = ${clientId} returning client_id)
            ${bury(reason)}`
          cache.forgetAll()
        },
        Effect.uninterruptible,
        operation
      )

      const wasRemoved = Effect.fn("ClientRegistry.wasRemoved")(function* (clientId: string) {
        if (!isStorable(clientId)) return false
        const found = yield* sql`select from mcp.oauth_deleted_clients where client_id = ${clientId}`
        return found.length > 0
      }, operation)

      const spendAssertion = Effect.fn("ClientRegistry.spendAssertion")(
        function* (clientId: string, jtiHash: Uint8Array, expiresAt: Date) {
          const spent = yield* sql`
            insert into mcp.oauth_client_assertions (client_id, jti_hash, expires_at)
            values (${clientId}, ${jtiHash}, ${expiresAt}) on conflict do nothing returning client_id`
          return spent.length > 0
        },
        Effect.uninterruptible,
        operation
      )

      const sweep = Effect.fn("ClientRegistry.sweep")(function* (batch: number) {
        // By `now()`, as in `sweep.ts`.
        yield* sql`
          delete from mcp.oauth_client_assertions where (client_id, jti_hash) in (
            select client_id, jti_hash from mcp.oauth_client_assertions where expires_at <= now()
            limit ${batch} for update skip locked)`
        yield* sql`
          delete from mcp.oauth_deleted_clients where client_id in (
            select client_id from mcp.oauth_deleted_clients
            where deleted_at < now() - make_interval(days => ${REMEMBERED_DAYS})
            limit ${batch} for update skip locked)`
        const reaped = yield* sql`
          with gone as (
            delete from mcp.oauth_clients where client_id in (
              select c.client_id from mcp.oauth_clients c
              where c.origin = 'dynamic'
                and (c.created_at < now() - interval '1 day' and c.last_used_at is null
                     or c.last_used_at < now() - interval '90 days')
                and not exists (select from mcp.mcp_sessions s where s.client_id = c.client_id)
                and not exists (select from mcp.oauth_authorization_codes a where a.client_id = c.client_id)
              limit ${batch} for update skip locked) returning client_id
          )
          ${bury("unused")} returning client_id`
        return reaped.length
      }, operation)

      return ClientRegistry.of({
        find,
        save,
        register,
        findRegistration,
        update,
        remove,
        wasRemoved,
        spendAssertion,
        sweep
      })
    })
  )
}
