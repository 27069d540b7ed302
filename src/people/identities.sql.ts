/** Who people are at upstream providers, in the database. */

import { randomBytes } from "node:crypto"
import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow, rows } from "../database/query.ts"
import { recordEvent } from "./events.sql.ts"
import {
  type Actor,
  type Here,
  hasOtherWayIn,
  hold,
  makePeople,
  PERSON_COLUMNS,
  PersonRow,
  toPerson
} from "./people.sql.ts"
import { type Person, Role } from "./person.ts"
import type { Identity } from "./upstream/identity.ts"

/** An identity, as its person knows it. */
export interface LinkedIdentity {
  readonly issuer: string
  readonly subject: string
  /** The address that the provider told last. */
  readonly email: string | undefined
  readonly createdAt: Date
  readonly lastUsedAt: Date | undefined
}

/** By which rules somebody may come in whom nobody knows yet. */
export interface Rules {
  /** Whether the provider's word is enough to become a member. */
  readonly isAdmitted: boolean
  /** Whether a verified address is enough to be taken for the person who has it here. */
  readonly matchesEmail: boolean
}

/** Why somebody does not come in. A failure, so that nothing of it is written. */
export class Denied extends Schema.TaggedError<Denied>()("Denied", {
  why: Schema.Literals(["disabled", "unknown", "nobody here yet", "no address", "address taken"])
}) {}

type Named = Pick<Identity, "issuer" | "subject" | "email">

const decodePerson = firstRow(PersonRow)
const decodeInvitation = firstRow(Schema.Struct({ email: Schema.String, role: Role }))
const decodeIdentities = rows(
  Schema.Struct({
    issuer: Schema.String,
    subject: Schema.String,
    email: Schema.NullOr(Schema.String),
    created_at: Schema.Date,
    last_used_at: Schema.NullOr(Schema.Date)
  })
)

const deny = (why: Denied["why"]) => new Denied({ why })

export const makeIdentities = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal(PERSON_COLUMNS)
  const people = makePeople(sql)

  /** `false` when it is somebody's already, this person's included. In the transaction of what makes it theirs. */
  const add = Effect.fn("Identities.add")(function* (
    personId: string,
    { issuer, subject, email }: Named,
    actor: Actor,
    isUsed: boolean
  ) {
    const added = yield* sql`
      insert into mcp.identities (issuer, subject, person_id, email, last_used_at)
      values (${issuer}, ${subject}, ${personId}, ${email ?? null},
              case when ${isUsed}::boolean then clock_timestamp() end)
      on conflict (issuer, subject) do nothing returning 1`
    if (added.length === 0) return false
    yield* recordEvent(sql, {
      event: "identity_linked",
      personId,
      actorId: actor.id,
      address: actor.address,
      detail: { issuer, email }
    })
    return true
  }, sql.withTransaction)

  /** Whose it is, held until the transaction ends, so that they are not disabled meanwhile. */
  const known = Effect.fnUntraced(function* ({ issuer, subject, email }: Named) {
    const row = yield* decodePerson(sql`
      select ${columns} from mcp.people p join mcp.identities i on i.person_id = p.id
      where i.issuer = ${issuer} and i.subject = ${subject} for share of p`)
    if (row === undefined || row.is_disabled) return row && toPerson(row)
    yield* sql`
      update mcp.identities set last_used_at = clock_timestamp(), email = coalesce(${email ?? null}, email)
      where issuer = ${issuer} and subject = ${subject}`
    return toPerson(row)
  })

  const withAddress = (email: string) =>
    Effect.map(
      decodePerson(sql`select ${columns} from mcp.people p where lower(p.email) = lower(${email}) for share`),
      (row) => row && toPerson(row)
    )

  const invitationOf = (email: string) =>
    decodeInvitation(sql`
      delete from mcp.links
      where kind = 'invitation' and lower(email) = lower(${email}) and expires_at > clock_timestamp()
      returning email, role`)

  const create = Effect.fnUntraced(function* (identity: Identity, email: string, role: Role) {
    const emailVerifiedBy = identity.emailVerified ? identity.issuer : undefined
    const name = identity.name ?? email.split("@")[0] ?? email
    const id = yield* people.insert({ email, name, role, emailVerifiedBy, webauthnId: randomBytes(32) })
    return id === undefined ? undefined : yield* people.find(id)
  })

  /**
   * Whoever is known comes in; then who was invited by an address that the provider vouches for; then, where the rules say
   * so, who has that address here, or whom the provider lets in. All in one transaction, and one at a time for each
   * identity: two tabs make one person.
   */
  const admit = Effect.fn("Identities.admit")(function* (
    identity: Identity,
    { isAdmitted, matchesEmail }: Rules,
    address: string
  ) {
    const { issuer, subject, email, emailVerified } = identity
    yield* sql`select pg_advisory_xact_lock(hashtextextended(${JSON.stringify([issuer, subject])}, 0))`
    const before = yield* known(identity)
    if (before !== undefined) return before.isDisabled ? yield* deny("disabled") : before
    // The first person is an owner, by the link of set-up.
    if (!(yield* people.hasOwner)) return yield* deny("nobody here yet")

    const comesIn = Effect.fnUntraced(function* (person: Person) {
      yield* add(person.id, identity, { id: person.id, address }, true)
      return person
    })
    const verified = emailVerified ? email : undefined
    const invitation = verified === undefined ? undefined : yield* invitationOf(verified)
    if (invitation !== undefined) {
      const { role } = invitation
      const person = yield* create(identity, invitation.email, role)
      if (person === undefined) return yield* deny("address taken")
      const event = "invitation_followed"
      yield* recordEvent(sql, { event, personId: person.id, actorId: person.id, address, detail: { role } })
      return yield* comesIn(person)
    }
    if (matchesEmail && verified !== undefined) {
      const person = yield* withAddress(verified)
      if (person?.isDisabled === true) return yield* deny("disabled")
      // Whoever has an address here that nobody vouched for may not be the one who has it there.
      if (person?.emailVerifiedBy !== undefined) return yield* comesIn(person)
    }
    if (!isAdmitted) return yield* deny("unknown")
    if (email === undefined) return yield* deny("no address")
    const person = yield* create(identity, email, "member")
    if (person === undefined) return yield* deny("address taken")
    yield* recordEvent(sql, { event: "person_signed_up", personId: person.id, actorId: person.id, address })
    return yield* comesIn(person)
  }, sql.withTransaction)

  const list = Effect.fn("Identities.list")(function* (personId: string) {
    const found = yield* decodeIdentities(sql`
      select issuer, subject, email, created_at, last_used_at
      from mcp.identities where person_id = ${personId} order by created_at`)
    return found.map(
      (row): LinkedIdentity => ({
        issuer: row.issuer,
        subject: row.subject,
        email: row.email ?? undefined,
        createdAt: row.created_at,
        lastUsedAt: row.last_used_at ?? undefined
      })
    )
  })

  /** Never the last way in. */
  const remove = Effect.fn("Identities.remove")(function* (
    personId: string,
    { issuer, subject }: Pick<Identity, "issuer" | "subject">,
    here: Here,
    actor: Actor
  ) {
    yield* hold(sql, personId)
    const removed = yield* sql`
      delete from mcp.identities
      where issuer = ${issuer} and subject = ${subject} and person_id = ${personId}
        and ${hasOtherWayIn(sql, personId, here, { issuer, subject })}
      returning 1`
    if (removed.length === 0) return false
    yield* recordEvent(sql, {
      event: "identity_unlinked",
      personId,
      actorId: actor.id,
      address: actor.address,
      detail: { issuer }
    })
    return true
  }, sql.withTransaction)

  return { add, admit, list, remove }
}
