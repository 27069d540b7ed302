/** Tasks of maintenance: one instance at a time, and when each last ran and what it did, for whoever looks after the server. */

import { randomUUID } from "node:crypto"
import { Context, Effect, Layer, type Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { operation, rows, type StoreUnavailable } from "./query.ts"

export interface Run {
  readonly task: string
  readonly at: Date
  readonly detail: unknown
}

/** For how long a task is its holder's, and how often that is renewed. A holder that was killed keeps others waiting so long. */
const [HELD_SECONDS, RENEWED] = [60, "20 seconds"] as const

const decodeRuns = rows(Schema.Struct({ task: Schema.String, at: Schema.Date, detail: Schema.Unknown }))

export class MaintenanceStore extends Context.Service<
  MaintenanceStore,
  {
    /** Runs a task that no instance is at; nothing where one is. */
    readonly alone: <A, E, R>(
      task: string,
      run: Effect.Effect<A, E, R>
    ) => Effect.Effect<Option.Option<A>, E | StoreUnavailable, R>
    readonly record: (task: string, detail: Readonly<Record<string, unknown>>) => Effect.Effect<void, StoreUnavailable>
    readonly runs: Effect.Effect<ReadonlyArray<Run>, StoreUnavailable>
  }
>()("gatehouse/database/MaintenanceStore") {
  static readonly layer = Layer.effect(
    MaintenanceStore,
    Effect.map(SqlClient.SqlClient, (sql) => {
      const until = sql`clock_timestamp() + make_interval(secs => ${HELD_SECONDS})`
      const claim = (task: string, holder: string) =>
        operation(sql`
          insert into mcp.maintenance_claims as c (task, holder, expires_at) values (${task}, ${holder}, ${until})
          on conflict (task) do update set holder = excluded.holder, expires_at = excluded.expires_at
          where c.expires_at < clock_timestamp() or c.holder = excluded.holder
          returning 1`).pipe(Effect.map((held) => held.length > 0))
      const release = (task: string, holder: string) =>
        operation(sql`delete from mcp.maintenance_claims where task = ${task} and holder = ${holder}`)

      return MaintenanceStore.of({
        alone: <A, E, R>(task: string, run: Effect.Effect<A, E, R>) => {
          const holder = randomUUID()
          // What could not be renewed, or released, ends by itself.
          const renew = Effect.ignore(claim(task, holder)).pipe(Effect.delay(RENEWED), Effect.forever)
          return Effect.acquireUseRelease(
            claim(task, holder),
            (isHeld) => (isHeld ? Effect.asSome(Effect.raceFirst(run, renew)) : Effect.succeedNone),
            (isHeld) => (isHeld ? Effect.ignore(release(task, holder)) : Effect.void)
          )
        },
        record: (task, detail) =>
          operation(sql`
            insert into mcp.maintenance (task, detail) values (${task}, ${JSON.stringify(detail)}::jsonb)
            on conflict (task) do update set at = clock_timestamp(), detail = excluded.detail`).pipe(Effect.asVoid),
        runs: operation(decodeRuns(sql`select task, at, detail from mcp.maintenance order by task`))
      })
    })
  )
}
