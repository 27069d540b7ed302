/** Clients in the database, the ids of those that are gone, and the assertions that were used. */

import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow, rows } from "../../database/query.ts"
import { AUTH_METHODS, type Client, GRANT_TYPES, ID_TOKEN_ALGORITHMS } from "./client.ts"
import { KeySet } from "./keySet.ts"
import type { EffectiveMetadata } from "./metadata.ts"

/** A dynamic registration, as its holder may read it (RFC 7592 §3). */
export interface Registration {
  readonly client: Client
  readonly metadata: Readonly<Record<string, unknown>>
  readonly issuedAt: Date
}

const ClientRow = Schema.Struct({
  client_id: Schema.String,
  origin: Schema.Literals(["configured", "dynamic", "document"]),
  client_name: Schema.String,
  redirect_uris: Schema.Array(Schema.String),
  grant_types: Schema.Array(Schema.Literals(GRANT_TYPES)),
  token_endpoint_auth_methods: Schema.Array(Schema.Literals(AUTH_METHODS)),
  secret_hash: Schema.NullOr(Schema.Uint8Array),
  secret_salt: Schema.NullOr(Schema.Uint8Array),
  secret_kdf: Schema.NullOr(Schema.String),
  jwks: Schema.NullOr(KeySet),
  jwks_uri: Schema.NullOr(Schema.String),
  id_token_alg: Schema.NullOr(Schema.Literals(ID_TOKEN_ALGORITHMS)),
  post_logout_redirect_uris: Schema.NullOr(Schema.Array(Schema.String)),
  disabled: Schema.Boolean
})
const decodeClient = firstRow(ClientRow)
const decodeClients = rows(ClientRow)
const decodeRegistration = firstRow(
  Schema.Struct({
    ...ClientRow.fields,
    metadata: Schema.Record(Schema.String, Schema.Unknown),
    created_at: Schema.Date
  })
)
const decodeIssued = firstRow(Schema.Struct({ created_at: Schema.Date }))

const toClient = (row: typeof ClientRow.Type): Client => ({
  clientId: row.client_id,
  origin: row.origin,
  name: row.client_name,
  redirectUris: row.redirect_uris,
  grantTypes: row.grant_types,
  authMethods: row.token_endpoint_auth_methods,
  secret: row.secret_hash === null ? undefined : { hash: row.secret_hash, salt: row.secret_salt, kdf: row.secret_kdf },
  keys: row.jwks !== null ? { _tag: "Inline", jwks: row.jwks } : remoteKeys(row.jwks_uri),
  ...((row.id_token_alg ?? row.post_logout_redirect_uris) !== null && {
    openid: { idTokenAlg: row.id_token_alg ?? "RS256", postLogoutRedirectUris: row.post_logout_redirect_uris ?? [] }
  }),
  disabled: row.disabled
})
const remoteKeys = (jwksUri: string | null): Client["keys"] =>
  jwksUri === null ? undefined : { _tag: "Remote", jwksUri }

const valuesOf = ({ secret, keys }: Client) => ({
  hash: secret?.hash ?? null,
  salt: secret?.salt ?? null,
  kdf: secret?.kdf ?? null,
  jwks: keys?._tag === "Inline" ? JSON.stringify(keys.jwks) : null,
  jwksUri: keys?._tag === "Remote" ? keys.jwksUri : null
})

/** What OpenID Connect has to know of a client that did not register, in the names of a registration. */
const openidOf = ({ openid }: Client) =>
  openid && {
    id_token_signed_response_alg: openid.idTokenAlg,
    post_logout_redirect_uris: openid.postLogoutRedirectUris
  }

/** How long a deleted client's id is remembered. */
const REMEMBERED_DAYS = 365

// Postgres text holds no NUL; such an id exists nowhere.
const isStorable = (clientId: string) => !clientId.includes("\0")

export const makeClients = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal(
    `client_id, origin, client_name, redirect_uris, grant_types, token_endpoint_auth_methods,
     secret_hash, secret_salt, secret_kdf, jwks, jwks_uri, disabled_at is not null as disabled,
     metadata->>'id_token_signed_response_alg' as id_token_alg,
     metadata->'post_logout_redirect_uris' as post_logout_redirect_uris`
  )

  const find = Effect.fnUntraced(function* (clientId: string) {
    if (!isStorable(clientId)) return undefined
    const row = yield* decodeClient(sql`select ${columns} from mcp.oauth_clients where client_id = ${clientId}`)
    return row && toClient(row)
  })

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
              ${JSON.stringify(dynamic?.metadata ?? openidOf(client) ?? {})}::jsonb, ${dynamic?.tokenHash ?? null})`
  }

  const replacing = sql.literal(
    `on conflict (client_id) do update set
      origin = excluded.origin, client_name = excluded.client_name, redirect_uris = excluded.redirect_uris,
      grant_types = excluded.grant_types,
      token_endpoint_auth_methods = excluded.token_endpoint_auth_methods,
      secret_hash = excluded.secret_hash, secret_salt = excluded.secret_salt, secret_kdf = excluded.secret_kdf,
      jwks = excluded.jwks, jwks_uri = excluded.jwks_uri, updated_at = clock_timestamp()`
  )

  /** What a client that registered itself said is its own to read again; of the operator's, there is nothing but this. */
  const save = (client: Client) =>
    client.origin === "configured"
      ? sql`${insert(client)} ${replacing}, metadata = excluded.metadata`
      : sql`${insert(client)} ${replacing}`

  /** A copy of ours may be older than what is known, so it replaces nothing; a document replaces an older one. */
  const remember = (client: Client, isCopy: boolean) =>
    sql`${insert(client)} ${replacing}, metadata = excluded.metadata where oauth_clients.origin = 'document' and ${!isCopy}`

  const register = Effect.fnUntraced(function* (client: Client, metadata: EffectiveMetadata, tokenHash: Uint8Array) {
    const row = yield* decodeIssued(sql`${insert(client, { metadata, tokenHash })} returning created_at`)
    return row?.created_at ?? (yield* Effect.die(new Error("insert returned no row")))
  })

  const findRegistration = Effect.fnUntraced(function* (clientId: string, tokenHash: Uint8Array) {
    if (!isStorable(clientId)) return undefined
    const row = yield* decodeRegistration(sql`
      select ${columns}, metadata, created_at from mcp.oauth_clients
      where client_id = ${clientId} and registration_token_hash = ${tokenHash} and disabled_at is null`)
    return row && ({ client: toClient(row), metadata: row.metadata, issuedAt: row.created_at } satisfies Registration)
  })

  const update = (client: Client, metadata: EffectiveMetadata) => {
    const { hash, salt, kdf, jwks, jwksUri } = valuesOf(client)
    return sql`
      update mcp.oauth_clients set
        client_name = ${client.name}, redirect_uris = ${client.redirectUris}, grant_types = ${client.grantTypes},
        token_endpoint_auth_methods = ${client.authMethods}, secret_hash = ${hash},
        secret_salt = ${salt}, secret_kdf = ${kdf}, jwks = ${jwks}::jsonb, jwks_uri = ${jwksUri}, metadata = ${JSON.stringify(metadata)}::jsonb,
        updated_at = clock_timestamp()
      where client_id = ${client.clientId}`
  }

  /** Those that were registered or changed last go first; what registered itself is many. */
  const list = (limit: number) =>
    Effect.map(
      decodeClients(sql`
        select ${columns} from mcp.oauth_clients
        order by origin = 'dynamic', updated_at desc, client_id limit ${limit}`),
      (found) => found.map(toClient)
    )

  const setDisabled = (clientId: string, isDisabled: boolean) => sql`
    update mcp.oauth_clients set disabled_at = ${isDisabled ? sql`coalesce(disabled_at, clock_timestamp())` : null}
    where client_id = ${clientId}`

  const bury = (reason: string) => sql`
    insert into mcp.oauth_deleted_clients (client_id, reason) select client_id, ${reason} from gone
    on conflict (client_id) do update set reason = excluded.reason, deleted_at = excluded.deleted_at`

  const remove = (clientId: string, reason: string) => sql`
    with gone as (delete from mcp.oauth_clients where client_id = ${clientId} returning client_id)
    ${bury(reason)}`

  const wasRemoved = Effect.fnUntraced(function* (clientId: string) {
    if (!isStorable(clientId)) return false
    const found = yield* sql`select from mcp.oauth_deleted_clients where client_id = ${clientId}`
    return found.length > 0
  })

  const spendAssertion = Effect.fnUntraced(function* (clientId: string, jtiHash: Uint8Array, expiresAt: Date) {
    const spent = yield* sql`
      insert into mcp.oauth_client_assertions (client_id, jti_hash, expires_at)
      values (${clientId}, ${jtiHash}, ${expiresAt}) on conflict do nothing returning client_id`
    return spent.length > 0
  })

  const sweep = Effect.fnUntraced(function* (batch: number) {
    // By `now()`, as in `grants/sweep.sql.ts`.
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
  })

  return {
    find,
    list,
    setDisabled,
    save,
    remember,
    register,
    findRegistration,
    update,
    remove,
    wasRemoved,
    spendAssertion,
    sweep
  }
}
