/** What is connected: sessions as people and operators look at them, and how one is ended from outside. */

import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { isUuid, rows, type StoreUnavailable } from "../../database/query.ts"
import { endSession } from "./sessions.sql.ts"

/** For how many days a session that has ended is shown still. */
const SHOWN_DAYS = 7

/** A session, with what is known of its client. */
export interface Connection {
  readonly sessionId: string
  readonly clientId: string
  readonly clientName: string
  readonly origin: "configured" | "dynamic" | "document"
  readonly subject: string
  readonly redirectUri: string
  readonly scopes: ReadonlyArray<string>
  readonly createdAt: Date
  readonly lastUsedAt: Date | undefined
  /** From where tokens were last asked for. */
  readonly lastAddress: string | undefined
  readonly expiresAt: Date
  readonly status: "active" | "revoked" | "compromised"
  readonly reason: string | undefined
}

/** There is none by this id, so nothing came before it. */
export class NoSuchConnection extends Schema.TaggedError<NoSuchConnection>()("NoSuchConnection", {}) {}

export interface ConnectionFilter {
  readonly subject?: string | undefined
  readonly clientId?: string | undefined
  /** Only those that began before this one. */
  readonly before?: string | undefined
  readonly limit: number
}

/** What is ended: one session, or all that a client has of a subject. */
export type Disconnection = { readonly sessionId: string } | { readonly subject: string; readonly clientId: string }

/** A session that was ended, and whose it was. */
export interface Disconnected {
  readonly sessionId: string
  readonly subject: string
  readonly clientId: string
}

/** What else is written with it, all or nothing. */
export type Along = (ended: ReadonlyArray<Disconnected>) => Effect.Effect<void, StoreUnavailable>

/** Who ends it, for the audit trail. */
export interface EndedBy {
  readonly actorId: string | undefined
  readonly address: string | undefined
}

const decodeConnections = rows(
  Schema.Struct({
    id: Schema.String,
    client_id: Schema.String,
    client_name: Schema.String,
    origin: Schema.Literals(["configured", "dynamic", "document"]),
    subject: Schema.String,
    redirect_uri: Schema.String,
    scopes: Schema.Array(Schema.String),
    created_at: Schema.Date,
    last_used_at: Schema.NullOr(Schema.Date),
    last_address: Schema.NullOr(Schema.String),
    expires_at: Schema.Date,
    status: Schema.Literals(["active", "revoked", "compromised"]),
    status_reason: Schema.NullOr(Schema.String)
  })
)
const decodeEnded = rows(Schema.Struct({ id: Schema.String, subject: Schema.String, client_id: Schema.String }))

export const makeConnections = (sql: SqlClient.SqlClient) => {
  /** The newest first: those that live, and those that ended lately. */
  const list = Effect.fn("TokenStore.connections")(function* ({ subject, clientId, before, limit }: ConnectionFilter) {
    const isThere =
      before === undefined ||
      (isUuid(before) &&
        (yield* sql`
      select from mcp.mcp_sessions where id = ${before}`).length > 0)
    if (!isThere) return yield* new NoSuchConnection()
    const place = before ?? null
    const found = yield* decodeConnections(sql`
      select s.id::text, s.client_id, c.client_name, c.origin, s.subject, s.redirect_uri, s.scopes, s.created_at,
             s.last_used_at, s.last_address, s.expires_at, s.status, s.status_reason
      from mcp.mcp_sessions s join mcp.oauth_clients c on c.client_id = s.client_id
      where (s.status = 'active' and s.expires_at > clock_timestamp()
             or s.status_changed_at > clock_timestamp() - make_interval(days => ${SHOWN_DAYS}))
        and (${subject ?? null}::text is null or s.subject = ${subject ?? null})
        and (${clientId ?? null}::text is null or s.client_id = ${clientId ?? null})
        and (${place}::uuid is null
             or (s.created_at, s.id) < (select o.created_at, o.id from mcp.mcp_sessions o where o.id = ${place}::uuid))
      order by s.created_at desc, s.id desc limit ${limit}`)
    return found.map(
      (row): Connection => ({
        sessionId: row.id,
        clientId: row.client_id,
        clientName: row.client_name,
        origin: row.origin,
        subject: row.subject,
        redirectUri: row.redirect_uri,
        scopes: row.scopes,
        createdAt: row.created_at,
        lastUsedAt: row.last_used_at ?? undefined,
        lastAddress: row.last_address ?? undefined,
        expiresAt: row.expires_at,
        status: row.status,
        reason: row.status_reason ?? undefined
      })
    )
  })

  /** The sessions that were ended. Codes first, as in `endSessionsOf`. */
  const disconnect = Effect.fn("TokenStore.disconnect")(
    function* (what: Disconnection, by: EndedBy, along: Along) {
      if ("sessionId" in what && !isUuid(what.sessionId)) return []
      const which =
        "sessionId" in what
          ? sql`id = ${what.sessionId}`
          : sql`subject = ${what.subject} and client_id = ${what.clientId}`
      if ("subject" in what) {
        yield* sql`
          delete from mcp.oauth_authorization_codes
          where subject = ${what.subject} and client_id = ${what.clientId}`
      }
      const live = yield* decodeEnded(sql`
        select id::text, subject, client_id from mcp.mcp_sessions where ${which} and status = 'active' order by id for update`)
      const end = { status: "revoked", reason: "disconnected" } as const
      yield* Effect.forEach(live, ({ id }) => endSession(sql, id, end, {}, by), { discard: true })
      const ended = live.map(
        (row): Disconnected => ({ sessionId: row.id, subject: row.subject, clientId: row.client_id })
      )
      yield* along(ended)
      return ended
    },
    sql.withTransaction,
    Effect.uninterruptible
  )

  return { list, disconnect }
}
