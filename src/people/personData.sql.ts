/** All that is known of a person, in whichever room it stands: told to them, and taken away. */

import { Effect, Schema } from "effect"
import type { SqlClient, Statement } from "effect/sql"
import { firstRow } from "../database/query.ts"
import { endSessionsOf } from "../oauth/grants/sessions.sql.ts"
import { recordEvent } from "./events.sql.ts"
import { type Actor, makePeople } from "./people.sql.ts"

/** By the names of the tables and their columns; times in ISO 8601. */
const PersonData = Schema.Record(Schema.String, Schema.Json)
export type PersonData = typeof PersonData.Type
const decodeData = firstRow(Schema.Struct({ data: PersonData }))

/** Stands where a person was named who is here no longer. */
const NOBODY = "somebody who was deleted"

export const makePersonData = (sql: SqlClient.SqlClient) => {
  const people = makePeople(sql)

  /** What is listed of a person: rows as objects, without what opens anything. */
  const listed = (name: string, rows: Statement.Fragment) =>
    sql`${name}::text, coalesce((select jsonb_agg(to_jsonb(r)) from (${rows}) r), '[]')`

  /** Without any secret: no password, code, token or key. Nothing for a person who is not here. */
  const read = Effect.fn("People.dataOf")(function* (id: string) {
    const person = yield* people.find(id)
    if (person === undefined) return undefined
    const parts = [
      listed(
        "passkeys",
        sql`select name, rp_id, transports, is_synced, created_at, last_used_at from mcp.passkeys where person_id = ${id}`
      ),
      listed(
        "identities",
        sql`select issuer, subject, email, created_at, last_used_at from mcp.identities where person_id = ${id}`
      ),
      listed(
        "browsers",
        sql`
          select method, user_agent, address, created_at, authenticated_at, last_used_at, expires_at
          from mcp.browser_sessions where person_id = ${id} order by created_at`
      ),
      listed(
        "connections",
        sql`
          select s.id, s.client_id, c.client_name, s.redirect_uri, s.scopes, s.resource, s.status, s.status_reason,
                 s.created_at, s.last_used_at, s.last_address, s.expires_at
          from mcp.mcp_sessions s join mcp.oauth_clients c on c.client_id = s.client_id
          where s.subject = ${id} order by s.created_at`
      ),
      listed(
        "consents",
        sql`select client_id, redirect_host, asked, scopes, granted_at from mcp.consents where person_id = ${id}`
      ),
      listed(
        "servers",
        sql`select mount, url, issuer, scope, created_at from mcp.server_links where person_id = ${id}`
      ),
      listed(
        "invitations_made",
        sql`select email, role, created_at, expires_at from mcp.links where kind = 'invitation' and created_by = ${id}`
      ),
      listed(
        "events",
        sql`
          select e.at, e.event, e.client_id, e.address, e.detail, e.actor_id = ${id}::uuid as by_them,
                 coalesce(e.person_id::text, s.subject) is not distinct from ${id} as about_them
          from mcp.audit_events e left join mcp.mcp_sessions s on s.id = e.session_id
          where e.person_id = ${id}::uuid or e.actor_id = ${id}::uuid or s.subject = ${id} order by e.id`
      )
    ]
    const found = yield* decodeData(sql`
      select jsonb_build_object(
        'account', jsonb_build_object(
          'id', p.id, 'email', p.email, 'name', p.name, 'role', p.role, 'email_verified_by', p.email_verified_by,
          'created_at', p.created_at, 'disabled_at', p.disabled_at),
        'has_password', p.password is not null,
        'recovery_codes_left', (select count(*) from mcp.recovery_codes c where c.person_id = p.id),
        ${sql.csv(parts)}) as data
      from mcp.people p where p.id = ${id}`)
    return found?.data
  })

  /** Names that other rows keep of them: by id, as pages write it, or by address. */
  const forgetIn = (
    table: "servers" | "server_switches" | "server_definitions",
    column: string,
    names: Array<string>
  ) =>
    sql`
      update ${sql(`mcp.${table}`)} set ${sql(column)} = ${NOBODY} where ${sql(column)} = any(${names}::text[])`

  /**
   * Ends all that they began and takes away all that is known of them, in the order of `disable`; that it was done is all that stays. `false`
   * when nobody would own the server then.
   */
  const remove = Effect.fn("People.remove")(function* (id: string, actor: Actor) {
    const isSafe = yield* people.othersOwn(id)
    const person = yield* people.find(id)
    if (person === undefined) return true
    if (person.role === "owner" && !isSafe) return false
    const { email, role } = person

    yield* sql`delete from mcp.links where person_id = ${id} or lower(email) = lower(${email})`
    yield* sql`update mcp.links set created_by = null where created_by = ${id}`
    yield* sql`delete from mcp.browser_sessions where person_id = ${id}`
    yield* sql`
      delete from mcp.ceremonies
      where position(${id} in detail::text) > 0 or position(lower(${email}) in lower(detail::text)) > 0`
    // Told to all instances first: a row that is gone could not be.
    yield* endSessionsOf(sql, id, "the person was deleted")
    yield* sql`
      delete from mcp.audit_events
      where person_id = ${id} or session_id in (select id from mcp.mcp_sessions where subject = ${id})
         or position(lower(${email}) in lower(detail::text)) > 0`
    yield* sql`update mcp.audit_events set actor_id = null, address = null where actor_id = ${id}`
    yield* sql`delete from mcp.mcp_sessions where subject = ${id}`
    yield* forgetIn("servers", "created_by", [id, email])
    yield* forgetIn("server_switches", "changed_by", [id, email])
    yield* forgetIn("server_definitions", "decided_by", [id, email])
    // And with the row their passkeys, identities, codes, consents and what they were given at other servers.
    yield* sql`delete from mcp.people where id = ${id}`
    const isOwn = actor.id === id
    yield* recordEvent(sql, {
      event: "person_deleted",
      actorId: isOwn ? undefined : actor.id,
      address: isOwn ? undefined : actor.address,
      detail: { role, by: isOwn ? "themselves" : actor.id === undefined ? "the command line" : "an owner" }
    })
    return true
  }, sql.withTransaction)

  return { read, remove }
}
