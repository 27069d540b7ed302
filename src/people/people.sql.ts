/** People in the database. */

import { Effect, Redacted, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow, isUuid, rows } from "../database/query.ts"
import { endSessionsOf } from "../oauth/grants/sessions.sql.ts"
import { recordEvent } from "./events.sql.ts"
import { type Person, Role } from "./person.ts"

export const PersonRow = Schema.Struct({
  id: Schema.String,
  email: Schema.String,
  name: Schema.String,
  role: Role,
  email_verified_by: Schema.NullOr(Schema.String),
  has_password: Schema.Boolean,
  webauthn_id: Schema.Uint8Array,
  created_at: Schema.Date,
  is_disabled: Schema.Boolean
})

export const toPerson = (row: typeof PersonRow.Type): Person => ({
  id: row.id,
  email: row.email,
  name: row.name,
  role: row.role,
  emailVerifiedBy: row.email_verified_by ?? undefined,
  hasPassword: row.has_password,
  webauthnId: row.webauthn_id,
  createdAt: row.created_at,
  isDisabled: row.is_disabled
})

/** Of `mcp.people p`. */
export const PERSON_COLUMNS =
  "p.id::text, p.email, p.name, p.role, p.email_verified_by, p.password is not null as has_password, p.webauthn_id, " +
  "p.created_at, p.disabled_at is not null as is_disabled"

/** Who does something to somebody: a signed-in person, or nobody in particular at the command line. */
export interface Actor {
  readonly id: string | undefined
  readonly address: string | undefined
}

/** Who is new, and who vouches for the address. */
export interface NewPerson {
  readonly email: string
  readonly name: string
  readonly role: Role
  readonly emailVerifiedBy: string | undefined
  readonly webauthnId: Uint8Array
}

const decodePerson = firstRow(PersonRow)
const decodePeople = rows(PersonRow)
const decodeCredentials = firstRow(
  Schema.Struct({
    ...PersonRow.fields,
    password: Schema.NullOr(Schema.RedactedFromValue(Schema.String))
  })
)
const decodeFound = firstRow(Schema.Struct({ found: Schema.Boolean }))
const decodeId = firstRow(Schema.Struct({ id: Schema.String }))
const decodeIds = rows(Schema.Struct({ id: Schema.String }))

/**
 * Holds a person's row until the transaction ends; whether they may sign in. Whatever changes several things of a person
 * begins with it, so that of two who do so at once one waits, and neither for the other.
 */
export const hold = (sql: SqlClient.SqlClient, personId: string) =>
  Effect.map(
    decodeFound(sql`select disabled_at is null as found from mcp.people where id = ${personId} for no key update`),
    (row) => row?.found === true
  )

/** Where ways in work: passkeys of this host, accounts at the providers that are configured. */
export interface Here {
  readonly rpId: string
  readonly issuers: ReadonlyArray<string>
}

/**
 * The condition that a way in beside the one named remains to a person, whose row the transaction holds, so that of two
 * removals at once each does not leave the other one.
 */
export const hasOtherWayIn = (
  sql: SqlClient.SqlClient,
  personId: string,
  { rpId, issuers }: Here,
  than: { readonly passkey?: string; readonly issuer?: string; readonly subject?: string }
) => sql`(
  exists (select from mcp.people p where p.id = ${personId} and p.password is not null)
  or exists (select from mcp.passkeys k where k.person_id = ${personId} and k.rp_id = ${rpId}
               and k.credential_id is distinct from ${than.passkey ?? null}::text)
  or exists (select from mcp.identities o where o.person_id = ${personId} and o.issuer = any(${issuers}::text[])
               and (o.issuer, o.subject) is distinct from (${than.issuer ?? null}::text, ${than.subject ?? null}::text)))`

export const makePeople = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal(PERSON_COLUMNS)

  const find = Effect.fn("People.find")(function* (id: string) {
    if (!isUuid(id)) return undefined
    const row = yield* decodePerson(sql`select ${columns} from mcp.people p where p.id = ${id}`)
    return row && toPerson(row)
  })

  /** With the hash of the password, for whoever checks it. */
  const credentialsOf = Effect.fn("People.credentialsOf")(function* (email: string) {
    const row = yield* decodeCredentials(sql`
      select ${columns}, p.password from mcp.people p where lower(p.email) = lower(${email})`)
    return row && { person: toPerson(row), password: row.password ?? undefined }
  })

  const list = Effect.map(
    decodePeople(
      sql`select ${columns} from mcp.people p order by p.disabled_at is not null, p.role desc, lower(p.email)`
    ),
    (found) => found.map(toPerson)
  )

  const hasOwner = Effect.map(
    decodeFound(sql`select exists (select from mcp.people) as found`),
    (row) => row?.found === true
  )

  /** Whether nobody is here yet, which stays so until the transaction ends. */
  const nobodyYet = Effect.gen(function* () {
    yield* sql`lock table mcp.people in share row exclusive mode`
    const found = yield* decodeFound(sql`select exists (select from mcp.people) as found`)
    return found?.found === false
  })

  /** Nothing when the address is somebody's already, or is kept for whoever was invited by it. */
  const insert = (person: NewPerson) =>
    Effect.map(
      decodeId(sql`
        insert into mcp.people (email, name, role, email_verified_by, webauthn_id)
        select ${person.email}, ${person.name}, ${person.role}, ${person.emailVerifiedBy ?? null}, ${person.webauthnId}::bytea
        where not exists (
          select from mcp.links
          where kind = 'invitation' and lower(email) = lower(${person.email}) and expires_at > clock_timestamp())
        on conflict (lower(email)) do nothing returning id::text`),
      (row) => row?.id
    )

  const rename = (id: string, name: string) => sql`update mcp.people set name = ${name} where id = ${id}`

  /** Everywhere: browsers but one, and what was granted to apps. */
  const signOutEverywhere = Effect.fnUntraced(function* (id: string, reason: string, keptBrowser?: string) {
    yield* sql`delete from mcp.browser_sessions where person_id = ${id} and id is distinct from ${keptBrowser ?? null}::uuid`
    yield* endSessionsOf(sql, id, reason)
  })

  /** A new password ends what the old one began (RFC 9700 §4.14.2, ASVS 7.4.3). */
  const setPassword = Effect.fn("People.setPassword")(function* (
    id: string,
    password: Redacted.Redacted,
    actor: Actor,
    keptBrowser?: string
  ) {
    const before = yield* find(id)
    yield* sql`update mcp.people set password = ${Redacted.value(password)} where id = ${id}`
    yield* signOutEverywhere(id, "the password was changed", keptBrowser)
    const event = before?.hasPassword === true ? "password_changed" : "password_set"
    yield* recordEvent(sql, { event, personId: id, actorId: actor.id, address: actor.address })
  }, sql.withTransaction)

  /** The same password under costlier parameters: nothing ends. */
  const rehash = (id: string, before: Redacted.Redacted, password: Redacted.Redacted) => sql`
    update mcp.people set password = ${Redacted.value(password)}
    where id = ${id} and password = ${Redacted.value(before)}`

  /**
   * Holds the owners' rows and this person's, in one order, so that two of them cannot remove each other. Whether an owner
   * would be left without `id`.
   */
  const othersOwn = Effect.fnUntraced(function* (id: string) {
    const held = yield* decodeIds(sql`
      select id::text from mcp.people where id = ${id} or (role = 'owner' and disabled_at is null)
      order by id for no key update`)
    return held.some((owner) => owner.id !== id)
  })

  /** `false` when nobody would own the server then. */
  const setRole = Effect.fn("People.setRole")(function* (id: string, role: Role, actor: Actor) {
    const isSafe = yield* othersOwn(id)
    if (role === "member" && !isSafe) return false
    const before = yield* decodePerson(sql`
      update mcp.people p set role = ${role} where p.id = ${id} and p.role <> ${role} returning ${columns}`)
    // What an owner may do, and for how long a browser stays signed in, is another thing now.
    if (before !== undefined) {
      yield* sql`delete from mcp.browser_sessions where person_id = ${id}`
      yield* recordEvent(sql, {
        event: "role_changed",
        personId: id,
        actorId: actor.id,
        address: actor.address,
        detail: { role }
      })
    }
    return true
  }, sql.withTransaction)

  /** Ends all that they began, at once (ASVS 7.4.2). `false` when nobody would own the server then. */
  const disable = Effect.fn("People.disable")(function* (id: string, actor: Actor) {
    if (!(yield* othersOwn(id))) {
      const person = yield* find(id)
      if (person?.role === "owner" && !person.isDisabled) return false
    }
    const disabled = yield* decodeId(sql`
      update mcp.people set disabled_at = clock_timestamp() where id = ${id} and disabled_at is null returning id::text`)
    if (disabled !== undefined) {
      yield* sql`delete from mcp.links where person_id = ${id}`
      yield* signOutEverywhere(id, "the person was disabled")
      yield* recordEvent(sql, { event: "person_disabled", personId: id, actorId: actor.id, address: actor.address })
    }
    return true
  }, sql.withTransaction)

  const enable = Effect.fn("People.enable")(function* (id: string, actor: Actor) {
    const enabled = yield* decodeId(sql`
      update mcp.people set disabled_at = null where id = ${id} and disabled_at is not null returning id::text`)
    if (enabled === undefined) return
    yield* recordEvent(sql, { event: "person_enabled", personId: id, actorId: actor.id, address: actor.address })
  }, sql.withTransaction)

  /** Apps and browsers, but the one that asks. */
  const signOut = Effect.fn("People.signOutEverywhere")(function* (id: string, actor: Actor, keptBrowser?: string) {
    yield* hold(sql, id)
    yield* signOutEverywhere(id, "signed out everywhere", keptBrowser)
    yield* recordEvent(sql, { event: "signed_out_everywhere", personId: id, actorId: actor.id, address: actor.address })
  }, sql.withTransaction)

  /**
   * Whether a person may still let apps in, held until the transaction ends: they are not disabled between this and what is
   * written for them.
   */
  const vouch = (id: string) =>
    Effect.map(
      decodeId(sql`select id::text from mcp.people where id = ${id} and disabled_at is null for share`),
      (row) => row !== undefined
    )

  return {
    find,
    credentialsOf,
    list,
    hasOwner,
    nobodyYet,
    insert,
    rename,
    setPassword,
    rehash,
    othersOwn,
    setRole,
    disable,
    enable,
    signOut,
    vouch
  }
}
