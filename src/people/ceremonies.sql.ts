/** What a sign-in waits for: a passkey's challenge, the state of an upstream provider. Each is read once. */

import { createHash, randomBytes } from "node:crypto"
import { Effect, Redacted, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow } from "../database/query.ts"

const decodeDetail = firstRow(Schema.Struct({ detail: Schema.Unknown }))
const hashOf = (id: Redacted.Redacted) => createHash("sha256").update(Redacted.value(id)).digest()

export const makeCeremonies = (sql: SqlClient.SqlClient) => ({
  /** 256 random bits, base64url, for the browser to come back with within so many seconds; the database has their hash. */
  begin: Effect.fn("ceremonies.begin")(function* (kind: string, detail: unknown, seconds: number) {
    const id = Redacted.make(randomBytes(32).toString("base64url"))
    yield* sql`
      insert into mcp.ceremonies (id_hash, kind, detail, expires_at)
      values (${hashOf(id)}, ${kind}, ${JSON.stringify(detail)}::jsonb, clock_timestamp() + make_interval(secs => ${seconds}))`
    return id
  }),
  /** Whatever it was begun with, once: reading it deletes it. */
  take: Effect.fn("ceremonies.take")(function* (kind: string, id: Redacted.Redacted) {
    const taken = yield* decodeDetail(sql`
      delete from mcp.ceremonies
      where id_hash = ${hashOf(id)} and kind = ${kind} and expires_at > clock_timestamp() returning detail`)
    return taken?.detail
  })
})
