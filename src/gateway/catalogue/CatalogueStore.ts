/** What mounts offer, as it was approved and as it was seen, in the database. */

import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient, type Statement } from "effect/sql"
import { operation, rows, type StoreUnavailable } from "../../database/query.ts"
import { Definition, type Entry, KINDS, type Kind, labelOf, stateOf } from "./definition.ts"

/** A thing of a mount as it is offered now. */
export interface Seen {
  readonly kind: Kind
  readonly name: string
  readonly definition: Definition
}

/** What was found to be otherwise than it was known. */
export interface Recorded {
  /** Nothing was known of this mount. */
  readonly isFirst: boolean
  readonly fresh: ReadonlyArray<string>
  readonly changed: ReadonlyArray<string>
  readonly gone: ReadonlyArray<string>
}

/**
 * `approve`: what was seen is what clients get from now on. `keep`: what was approved goes on; the change is not asked about again
 * until there is another. `off` and `on`: whether clients get it at all.
 */
export const DECISIONS = ["approve", "keep", "off", "on"] as const
export type Decision = (typeof DECISIONS)[number]

export interface Decided {
  readonly kind: Kind
  readonly name: string
  readonly what: Decision
  /** Of what was looked at: a mount that says something else by now is not meant. */
  readonly digest?: string
}

const Row = Schema.Struct({
  server: Schema.String,
  kind: Schema.Literals(KINDS),
  name: Schema.String,
  approved: Schema.NullOr(Definition),
  seen: Schema.NullOr(Definition),
  isOff: Schema.Boolean,
  decidedBy: Schema.NullOr(Schema.String),
  decidedAt: Schema.NullOr(Schema.Date),
  seenAt: Schema.Date
})

const entryOf = ({ server, approved, seen, isOff, decidedBy, decidedAt, ...row }: typeof Row.Type): Entry => ({
  ...row,
  mount: server,
  approved: approved ?? undefined,
  seen: seen ?? undefined,
  state: stateOf(approved ?? undefined, seen ?? undefined, isOff),
  decidedBy: decidedBy ?? undefined,
  decidedAt: decidedAt ?? undefined
})

const Name = Schema.Struct({ name: Schema.String })
const Revision = Schema.Struct({ revision: Schema.String })

export class CatalogueStore extends Context.Service<
  CatalogueStore,
  {
    readonly all: Effect.Effect<ReadonlyArray<Entry>, StoreUnavailable>
    /** Another text as soon as anything here, or in `ServersStore`, is another. */
    readonly revision: Effect.Effect<string, StoreUnavailable>
    /** All that a mount offers now. `approvedBy` approves all of it where nothing was known of the mount. */
    readonly record: (
      server: string,
      seen: ReadonlyArray<Seen>,
      approvedBy: string | undefined
    ) => Effect.Effect<Recorded, StoreUnavailable>
    /** Answers how many of them there were. */
    readonly decide: (
      server: string,
      decisions: ReadonlyArray<Decided>,
      by: string
    ) => Effect.Effect<number, StoreUnavailable>
    /** Forgets a mount that is no more. */
    readonly forget: (server: string) => Effect.Effect<void, StoreUnavailable>
  }
>()("gatehouse/gateway/catalogue/CatalogueStore") {
  static readonly layer = Layer.effect(
    CatalogueStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const decodeRows = rows(Row)
      const decodeNames = rows(Name)
      const decodeRevision = rows(Revision)
      const entries = (which: Statement.Fragment) =>
        Effect.map(
          decodeRows(sql`
            select server, kind, name, approved, seen, is_off as "isOff", decided_by as "decidedBy",
              decided_at as "decidedAt", seen_at as "seenAt"
            from mcp.server_definitions ${which}`),
          (all) => all.map(entryOf)
        )

      /** Two instances that ask one mount at the same time wait for each other. */
      const alone = (server: string) => sql`select pg_advisory_xact_lock(hashtextextended(${`server ${server}`}, 0))`

      return CatalogueStore.of({
        all: operation(entries(sql`where name <> '' order by server, kind, name`)),
        // Every row, since the newest need not be the last that was committed.
        revision: operation(
          Effect.map(
            decodeRevision(sql`
              select md5(concat_ws(' ',
                (select string_agg(concat_ws(' ', server, kind, name, is_off, changed_at), ',' order by server, kind, name)
                  from mcp.server_definitions),
                (select string_agg(concat_ws(' ', name, created_at), ',' order by name) from mcp.servers),
                (select string_agg(concat_ws(' ', name, is_off, changed_at), ',' order by name)
                  from mcp.server_switches))) as revision`),
            ([row]) => row?.revision ?? ""
          )
        ),
        record: Effect.fn("CatalogueStore.record")((server, seen, approvedBy) =>
          operation(
            sql.withTransaction(
              Effect.gen(function* () {
                yield* alone(server)
                const known = yield* entries(sql`where server = ${server}`)
                const isFirst = known.length === 0
                // A mount that had nothing at first was met all the same: what it brings later waits.
                if (isFirst && seen.length === 0) {
                  yield* sql`
                    insert into mcp.server_definitions (server, kind, name) values (${server}, 'instructions', '')`
                }
                const before = new Map(known.map((entry) => [`${entry.kind} ${entry.name}`, entry]))
                const now = new Set(seen.map(({ kind, name }) => `${kind} ${name}`))
                const fresh: Array<string> = []
                const changed: Array<string> = []
                for (const { kind, name, definition } of seen) {
                  const entry = before.get(`${kind} ${name}`)
                  if (entry?.seen?.digest === definition.digest) continue
                  if (entry === undefined) fresh.push(labelOf({ kind, name }))
                  else if (entry.approved?.digest !== definition.digest) changed.push(labelOf({ kind, name }))
                  // What a mount says for a model to obey is nobody's to approve unread.
                  const approves = isFirst && approvedBy !== undefined && kind !== "instructions"
                  const text = JSON.stringify(definition)
                  yield* sql`
                    insert into mcp.server_definitions (server, kind, name, approved, seen, decided_by, decided_at)
                    values (${server}, ${kind}, ${name}, ${approves ? text : null}::jsonb, ${text}::jsonb,
                      ${approves ? approvedBy : null}, ${approves ? sql`clock_timestamp()` : sql`null`})
                    on conflict (server, kind, name) do update
                    set seen = excluded.seen, seen_at = clock_timestamp(), changed_at = clock_timestamp()`
                }
                const missing = known.filter(
                  ({ kind, name, seen }) => seen !== undefined && !now.has(`${kind} ${name}`)
                )
                for (const { kind, name } of missing) {
                  // What nobody ever approved leaves nothing behind.
                  yield* sql`
                    delete from mcp.server_definitions
                    where server = ${server} and kind = ${kind} and name = ${name} and approved is null and not is_off`
                  yield* sql`
                    update mcp.server_definitions set seen = null, changed_at = clock_timestamp()
                    where server = ${server} and kind = ${kind} and name = ${name}`
                }
                return { isFirst, fresh, changed, gone: missing.map(({ kind, name }) => labelOf({ kind, name })) }
              })
            )
          )
        ),
        decide: Effect.fn("CatalogueStore.decide")((server, decisions, by) =>
          operation(
            sql.withTransaction(
              Effect.gen(function* () {
                yield* alone(server)
                let count = 0
                for (const { kind, name, what, digest } of decisions) {
                  const set =
                    what === "approve"
                      ? sql`approved = seen, is_off = false`
                      : what === "keep"
                        ? sql`approved = jsonb_set(approved, '{digest}', seen -> 'digest')`
                        : sql`is_off = ${what === "off"}`
                  const may =
                    what === "approve"
                      ? sql`seen is not null`
                      : what === "keep"
                        ? sql`seen is not null and approved is not null`
                        : sql`true`
                  count += (yield* decodeNames(sql`
                    update mcp.server_definitions
                    set ${set}, decided_by = ${by}, decided_at = clock_timestamp(), changed_at = clock_timestamp()
                    where server = ${server} and kind = ${kind} and name = ${name} and ${may}
                      and (${digest ?? null}::text is null or seen ->> 'digest' = ${digest ?? null})
                    returning name`)).length
                }
                return count
              })
            )
          )
        ),
        forget: (server) => Effect.asVoid(operation(sql`delete from mcp.server_definitions where server = ${server}`))
      })
    })
  )
}
