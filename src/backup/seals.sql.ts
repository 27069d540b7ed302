/** Whether what is sealed in a database opens here: with its own server keys, and with the `SEALING_KEY` of this configuration. */

import { Effect, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../config/ServerConfig.ts"
import { rows } from "../database/query.ts"
import { clientWords, linkWords, makeSealing } from "../gateway/vault/seal.ts"
import { open } from "../oauth/openid/seal.ts"
import { all as signingKeys } from "../oauth/openid/signingKeys.sql.ts"
import { deriveServerKey } from "../oauth/tokens/ServerKeys.ts"
import { all as serverKeys } from "../oauth/tokens/serverKeys.sql.ts"

const decodeLinks = rows(
  Schema.Struct({ mount: Schema.String, person_id: Schema.String, url: Schema.String, sealed: Schema.Uint8Array })
)
const decodeClients = rows(Schema.Struct({ mount: Schema.String, issuer: Schema.String, sealed: Schema.Uint8Array }))

/** What is sealed, how many there are of it, and how many do not open. */
export interface Seals {
  readonly what: string
  readonly all: number
  readonly shut: number
}

export const seals = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const { sealingKey } = yield* ServerConfig
  const ring = new Map((yield* serverKeys(sql, 0)).map(({ id, secret }) => [id, deriveServerKey(id, secret)]))
  const byId = (id: number) => ring.get(id)
  // Nothing is sealed here.
  const sealing = makeSealing({ byId, signing: () => deriveServerKey(0, new Uint8Array(32)) }, sealingKey)
  const count = (what: string, opened: ReadonlyArray<Option.Option<string>>): Seals => ({
    what,
    all: opened.length,
    shut: opened.filter(Option.isNone).length
  })

  const keys = yield* signingKeys(sql)
  const links = yield* decodeLinks(sql`select mount, person_id::text, url, sealed from mcp.server_links`)
  const clients = yield* decodeClients(sql`select mount, issuer, sealed from mcp.server_clients`)
  return [
    count(
      "keys of ID tokens",
      keys.map(({ kid, sealed_private }) => open(byId, sealingKey, kid, sealed_private))
    ),
    count(
      "sign-ins of people at servers behind this one",
      links.map(({ mount, person_id, url, sealed }) => sealing.open(linkWords(mount, person_id, url), sealed))
    ),
    count(
      "registrations at servers behind this one",
      clients.map(({ mount, issuer, sealed }) => sealing.open(clientWords(mount, issuer), sealed))
    )
  ]
}).pipe(Effect.catchTag("SchemaError", Effect.die))
