/** Links that open one thing once: the set-up of the first owner, an invitation, a new way to sign in. */

import { createHash, randomBytes } from "node:crypto"
import { Effect, Redacted, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { firstRow, rows } from "../database/query.ts"
import { recordEvent } from "./events.sql.ts"
import { type Actor, hold } from "./people.sql.ts"
import { Role } from "./person.ts"

export type LinkKind = "setup" | "invitation" | "reset"

const HOUR = 3600
/** For how long each is good, in seconds. */
export const LIFETIMES = { setup: HOUR, invitation: 7 * 24 * HOUR, reset: HOUR / 2 } as const satisfies Record<
  LinkKind,
  number
>

/** What a link opens, and for whom. */
export interface Link {
  readonly kind: LinkKind
  /** Whose way in is chosen anew. */
  readonly personId: string | undefined
  readonly email: string | undefined
  readonly role: Role | undefined
  readonly expiresAt: Date
}

const LinkRow = Schema.Struct({
  kind: Schema.Literals(["setup", "invitation", "reset"]),
  person_id: Schema.NullOr(Schema.String),
  email: Schema.NullOr(Schema.String),
  role: Schema.NullOr(Role),
  expires_at: Schema.Date
})
const toLink = (row: typeof LinkRow.Type): Link => ({
  kind: row.kind,
  personId: row.person_id ?? undefined,
  email: row.email ?? undefined,
  role: row.role ?? undefined,
  expiresAt: row.expires_at
})

const decodeLink = firstRow(LinkRow)
const decodeLinks = rows(LinkRow)

/** A link's code; or its SHA-256, where somebody follows the link in several steps and nobody has to hold the code meanwhile. */
export type LinkCode = Redacted.Redacted | Uint8Array
export const hashOf = (code: LinkCode): Uint8Array =>
  Redacted.isRedacted(code) ? createHash("sha256").update(Redacted.value(code)).digest() : code

export const makeLinks = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal("kind, person_id::text, email, role, expires_at")
  const newCode = Effect.sync(() => Redacted.make(randomBytes(32).toString("base64url")))
  const until = (kind: LinkKind) => sql`clock_timestamp() + make_interval(secs => ${LIFETIMES[kind]})`

  /** The one that opens the set-up; those before it are dead. Nothing once there are people. */
  const setup = Effect.fn("Links.setup")(function* () {
    const code = yield* newCode
    const made = yield* sql`
      insert into mcp.links (token_hash, kind, expires_at)
      select ${hashOf(code)}, 'setup', ${until("setup")} where not exists (select from mcp.people)
      on conflict (kind) where kind = 'setup'
      do update set token_hash = excluded.token_hash, created_at = clock_timestamp(), expires_at = excluded.expires_at
      returning 1`
    return made.length > 0 ? code : undefined
  })

  /** Nothing when the address is somebody's already. Another invitation to the same address takes the place of the first. */
  const invite = Effect.fn("Links.invite")(function* (email: string, role: Role, actor: Actor) {
    const code = yield* newCode
    const made = yield* sql`
      insert into mcp.links (token_hash, kind, email, role, created_by, expires_at)
      select ${hashOf(code)}, 'invitation', ${email}, ${role}, ${actor.id ?? null}::uuid, ${until("invitation")}
      where not exists (select from mcp.people where lower(email) = lower(${email}))
      on conflict (lower(email)) where kind = 'invitation'
      do update set token_hash = excluded.token_hash, email = excluded.email, role = excluded.role,
        created_by = excluded.created_by, created_at = clock_timestamp(), expires_at = excluded.expires_at
      returning 1`
    if (made.length === 0) return undefined
    yield* recordEvent(sql, {
      event: "person_invited",
      actorId: actor.id,
      address: actor.address,
      detail: { email, role }
    })
    return code
  }, sql.withTransaction)

  /** A link to a new way to sign in; one that was made before is dead. Nothing for a person who is disabled. */
  const reset = Effect.fn("Links.reset")(function* (personId: string, actor: Actor, why: "owner" | "recovery code") {
    if (!(yield* hold(sql, personId))) return undefined
    const code = yield* newCode
    yield* sql`delete from mcp.links where person_id = ${personId}`
    yield* sql`
      insert into mcp.links (token_hash, kind, person_id, created_by, expires_at)
      values (${hashOf(code)}, 'reset', ${personId}, ${actor.id ?? null}::uuid, ${until("reset")})`
    yield* recordEvent(sql, {
      event: "reset_link_made",
      personId,
      actorId: actor.id,
      address: actor.address,
      detail: { why }
    })
    return code
  }, sql.withTransaction)

  /** What a link would open, if it is good. */
  const look = Effect.fn("Links.look")(function* (kind: LinkKind, code: LinkCode) {
    const row = yield* decodeLink(sql`
      select ${columns} from mcp.links
      where token_hash = ${hashOf(code)} and kind = ${kind} and expires_at > clock_timestamp()`)
    return row && toLink(row)
  })

  /** The same for good: of many at once one has it. In the transaction of what it opens. */
  const spend = Effect.fn("Links.spend")(function* (kind: LinkKind, code: LinkCode) {
    const row = yield* decodeLink(sql`
      delete from mcp.links
      where token_hash = ${hashOf(code)} and kind = ${kind} and expires_at > clock_timestamp() returning ${columns}`)
    return row && toLink(row)
  })

  /** The invitations that nobody has followed yet. */
  const invitations = Effect.map(
    decodeLinks(sql`
      select ${columns} from mcp.links where kind = 'invitation' and expires_at > clock_timestamp() order by lower(email)`),
    (found) => found.map(toLink)
  )

  const withdraw = Effect.fn("Links.withdraw")(function* (email: string, actor: Actor) {
    const gone = yield* sql`
      delete from mcp.links where kind = 'invitation' and lower(email) = lower(${email}) returning 1`
    if (gone.length === 0) return false
    yield* recordEvent(sql, {
      event: "invitation_withdrawn",
      actorId: actor.id,
      address: actor.address,
      detail: { email }
    })
    return true
  }, sql.withTransaction)

  return { setup, invite, reset, look, spend, invitations, withdraw }
}
