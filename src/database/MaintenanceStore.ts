/** When each task of maintenance last ran, and what it did: for whoever looks after the server. */

import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { operation, rows, type StoreUnavailable } from "./query.ts"

export interface Run {
  readonly task: string
  readonly at: Date
  readonly detail: unknown
}

const decodeRuns = rows(Schema.Struct({ task: Schema.String, at: Schema.Date, detail: Schema.Unknown }))

export class MaintenanceStore extends Context.Service<
  MaintenanceStore,
  {
    readonly record: (task: string, detail: Readonly<Record<string, unknown>>) => Effect.Effect<void, StoreUnavailable>
    readonly runs: Effect.Effect<ReadonlyArray<Run>, StoreUnavailable>
  }
>()("gatehouse/database/MaintenanceStore") {
  static readonly layer = Layer.effect(
    MaintenanceStore,
    Effect.map(SqlClient.SqlClient, (sql) =>
      MaintenanceStore.of({
        record: (task, detail) =>
          operation(sql`
            insert into mcp.maintenance (task, detail) values (${task}, ${JSON.stringify(detail)}::jsonb)
            on conflict (task) do update set at = clock_timestamp(), detail = excluded.detail`).pipe(Effect.asVoid),
        runs: operation(decodeRuns(sql`select task, at, detail from mcp.maintenance order by task`))
      })
    )
  )
}
