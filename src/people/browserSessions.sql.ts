/** Where people are signed in, in the database. */

import { createHash, randomBytes } from "node:crypto"
import { Effect, Redacted, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow, rows } from "../database/query.ts"
import { recordEvent } from "./events.sql.ts"
import { type Actor, PersonRow, toPerson } from "./people.sql.ts"
import { type Person, type Role, SignInMethod } from "./person.ts"

const [HOUR, DAY] = [3600, 86_400] as const
/**
 * After how long a browser is asked to sign in again, in seconds: `idle` since it was last used, `absolute` since it signed
 * in. Owners can do more, so theirs are shorter (ASVS 7.3.1, 7.3.2).
 */
export const BROWSER_LIFETIMES = {
  member: { idle: 14 * DAY, absolute: 90 * DAY },
  owner: { idle: 8 * HOUR, absolute: 12 * HOUR }
} as const satisfies Record<Role, { readonly idle: number; readonly absolute: number }>

/** What a change of ways in, roles, secrets or what is mounted needs: having signed in within so many seconds (ASVS 7.5.1). */
export const FRESH_SECONDS = 600

/** A browser that a person is signed in with. */
export interface BrowserSession {
  readonly id: string
  readonly personId: string
  readonly method: SignInMethod
  readonly userAgent: string
  readonly address: string
  readonly createdAt: Date
  /** When they last proved who they are: the `auth_time` of OpenID Connect Core §2. */
  readonly authenticatedAt: Date
  readonly lastUsedAt: Date
  /** How long ago they proved it, in seconds by the database's clock. */
  readonly age: number
}

/** A browser, and who is signed in with it. */
export interface Visit {
  readonly session: BrowserSession
  readonly person: Person
}

/** Which browser, from where. Untrusted words, kept short. */
export interface Browser {
  readonly userAgent: string
  readonly address: string
}

const Row = Schema.Struct({
  id: Schema.String,
  person_id: Schema.String,
  method: SignInMethod,
  user_agent: Schema.String,
  address: Schema.String,
  created_at: Schema.Date,
  authenticated_at: Schema.Date,
  last_used_at: Schema.Date,
  age: Schema.Number
})
const toSession = (row: typeof Row.Type): BrowserSession => ({
  id: row.id,
  personId: row.person_id,
  method: row.method,
  userAgent: row.user_agent,
  address: row.address,
  createdAt: row.created_at,
  authenticatedAt: row.authenticated_at,
  lastUsedAt: row.last_used_at,
  age: row.age
})
const decodeSession = firstRow(Row)
const decodeSessions = rows(Row)
const { email, name, role, email_verified_by, has_password, webauthn_id, created_at } = PersonRow.fields
const decodeFound = firstRow(
  Schema.Struct({
    ...Row.fields,
    ...{ email, name, role, email_verified_by, has_password, webauthn_id },
    person_created_at: created_at,
    is_stale: Schema.Boolean
  })
)

const hashOf = (token: Redacted.Redacted) => createHash("sha256").update(Redacted.value(token)).digest()
const newToken = Effect.sync(() => Redacted.make(randomBytes(32).toString("base64url")))
const short = ({ userAgent, address }: Browser) => ({
  userAgent: userAgent.slice(0, 300),
  address: address.slice(0, 64)
})

export const makeBrowserSessions = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal(
    "b.id::text, b.person_id::text, b.method, b.user_agent, b.address, b.created_at, b.authenticated_at, b.last_used_at, " +
      "extract(epoch from clock_timestamp() - b.authenticated_at)::float8 as age"
  )
  const { member, owner } = BROWSER_LIFETIMES
  const seconds = (kind: "idle" | "absolute") =>
    sql`make_interval(secs => case p.role when 'owner' then ${owner[kind]} else ${member[kind]} end)`
  const isLive = sql`
    p.disabled_at is null and b.expires_at > clock_timestamp() and b.last_used_at > clock_timestamp() - ${seconds("idle")}`

  /** Ends one of a person's, or with `not` all but one. */
  const end = Effect.fn("BrowserSessions.end")(function* (
    personId: string,
    which: { readonly id: string } | { readonly not: string },
    actor: Actor
  ) {
    const ended = yield* "id" in which
      ? sql`delete from mcp.browser_sessions where person_id = ${personId} and id = ${which.id} returning 1`
      : sql`delete from mcp.browser_sessions where person_id = ${personId} and id <> ${which.not} returning 1`
    if (ended.length === 0) return 0
    const detail = { browsers: ended.length }
    yield* recordEvent(sql, { event: "signed_out", personId, actorId: actor.id, address: actor.address, detail })
    return ended.length
  }, sql.withTransaction)

  /**
   * Signs a person in with a browser: a new token for its cookie; none for a person who is disabled. Whoever was signed in
   * with it before is out by the same stroke.
   */
  const begin = Effect.fn("BrowserSessions.begin")(function* (
    personId: string,
    method: SignInMethod,
    browser: Browser,
    before?: Visit
  ) {
    if (before !== undefined) {
      const actor = { id: before.person.id, address: browser.address }
      yield* end(before.person.id, { id: before.session.id }, actor)
    }
    const token = yield* newToken
    const { userAgent, address } = short(browser)
    const begun = yield* decodeSession(sql`
      with p as (select id, role from mcp.people where id = ${personId} and disabled_at is null for share)
      insert into mcp.browser_sessions as b (token_hash, person_id, method, user_agent, address, expires_at)
      select ${hashOf(token)}, p.id, ${method}, ${userAgent}, ${address}, clock_timestamp() + ${seconds("absolute")}
      from p returning ${columns}`)
    if (begun === undefined) return undefined
    yield* recordEvent(sql, { event: "signed_in", personId, actorId: personId, address, detail: { method } })
    return { token, session: toSession(begun) }
  }, sql.withTransaction)

  /** The same browser proves anew who uses it: the session goes on under a new token (ASVS 7.2.4). */
  const confirm = Effect.fn("BrowserSessions.confirm")(function* (id: string, method: SignInMethod, browser: Browser) {
    const token = yield* newToken
    const { userAgent, address } = short(browser)
    const confirmed = yield* decodeSession(sql`
      update mcp.browser_sessions b
      set token_hash = ${hashOf(token)}, method = ${method}, user_agent = ${userAgent}, address = ${address},
          authenticated_at = clock_timestamp(), last_used_at = clock_timestamp()
      from mcp.people p where b.id = ${id} and p.id = b.person_id and ${isLive} returning ${columns}`)
    return confirmed && { token, session: toSession(confirmed) }
  })

  /** Whose browser shows this token, if it is still signed in. That it was used is noted once a minute. */
  const find = Effect.fn("BrowserSessions.find")(function* (token: Redacted.Redacted) {
    const found = yield* decodeFound(sql`
      select ${columns}, b.last_used_at < clock_timestamp() - interval '1 minute' as is_stale, p.email, p.name, p.role,
             p.email_verified_by, p.password is not null as has_password, p.webauthn_id, p.created_at as person_created_at
      from mcp.browser_sessions b join mcp.people p on p.id = b.person_id
      where b.token_hash = ${hashOf(token)} and ${isLive}`)
    if (found === undefined) return undefined
    if (found.is_stale) {
      yield* sql`update mcp.browser_sessions set last_used_at = clock_timestamp() where id = ${found.id}`
    }
    const { person_id: id, person_created_at: created_at } = found
    const person = toPerson({ ...found, id, created_at, is_disabled: false })
    return { session: toSession(found), person } satisfies Visit
  })

  const list = Effect.fn("BrowserSessions.list")(function* (personId: string) {
    const found = yield* decodeSessions(sql`
      select ${columns} from mcp.browser_sessions b join mcp.people p on p.id = b.person_id
      where b.person_id = ${personId} and ${isLive} order by b.last_used_at desc`)
    return found.map(toSession)
  })

  return { begin, confirm, find, list, end }
}
