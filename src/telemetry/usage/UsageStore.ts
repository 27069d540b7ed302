/** What was counted, hour by hour. */

import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { firstRow, operation, rows, type StoreUnavailable } from "../../database/query.ts"

export type Kind = "call" | "call_time" | "sign_in" | "token" | "refusal" | "upstream"

/** So much more of something. Of what takes time, its seconds, and how many fell into each of `BOUNDS`. */
export interface Usage {
  readonly kind: Kind
  readonly name: string
  readonly outcome: string
  readonly count: number
  readonly seconds: number
  readonly buckets: ReadonlyArray<number>
}

/** An hour, or a day. */
export type Step = "hour" | "day"

const CountRow = Schema.Struct({
  step: Schema.Date,
  kind: Schema.String,
  name: Schema.String,
  outcome: Schema.String,
  count: Schema.Number
})
const BucketRow = Schema.Struct({ step: Schema.Date, place: Schema.Number, count: Schema.Number })

/** What was counted in a step of time. */
export interface Used {
  readonly counts: ReadonlyArray<typeof CountRow.Type>
  /** Calls of tools by how long they took: the place in `BOUNDS`, from 0 on. */
  readonly durations: ReadonlyArray<typeof BucketRow.Type>
  /** The database's time, which hours and days are of. */
  readonly now: Date
}

const decodeCounts = rows(CountRow)
const decodeBuckets = rows(BucketRow)
const decodeNow = firstRow(Schema.Struct({ now: Schema.Date }))
const decodeSwept = firstRow(Schema.Struct({ count: Schema.Number }))

export class UsageStore extends Context.Service<
  UsageStore,
  {
    /** Adds to the hour that it is. */
    readonly add: (usage: ReadonlyArray<Usage>) => Effect.Effect<void, StoreUnavailable>
    /** The last so many hours or days, in UTC; what is not told was nothing. */
    readonly used: (step: Step, steps: number) => Effect.Effect<Used, StoreUnavailable>
    /** Deletes at most `batch` rows older than USAGE_RETENTION_DAYS, and counts them. */
    readonly sweep: (batch: number) => Effect.Effect<number, StoreUnavailable>
  }
>()("gatehouse/telemetry/UsageStore") {
  static readonly layer = Layer.effect(
    UsageStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { usageRetentionDays } = yield* ServerConfig
      const since = (step: Step, steps: number) =>
        sql`date_trunc(${step}, now() at time zone 'UTC') at time zone 'UTC' - make_interval(hours => ${
          (steps - 1) * (step === "hour" ? 1 : 24)
        })`
      const stepOf = (step: Step) => sql`date_trunc(${step}, hour at time zone 'UTC') at time zone 'UTC'`

      return UsageStore.of({
        // In one order, so that two processes do not wait for each other.
        add: (usage) =>
          operation(sql`
            insert into mcp.usage_hourly as u (hour, kind, name, outcome, count, seconds, buckets)
            select date_trunc('hour', now()), kind, name, outcome, count, seconds, buckets
            from jsonb_to_recordset(${JSON.stringify(usage)}::jsonb)
              as r (kind text, name text, outcome text, count bigint, seconds double precision, buckets bigint[])
            order by kind, name, outcome
            on conflict (hour, kind, name, outcome) do update set
              count = u.count + excluded.count,
              seconds = u.seconds + excluded.seconds,
              buckets = (
                select coalesce(array_agg(coalesce(a, 0) + coalesce(b, 0) order by place), '{}')
                from unnest(u.buckets, excluded.buckets) with ordinality as both_of (a, b, place)
              )`).pipe(Effect.asVoid),
        used: (step, steps) =>
          operation(
            Effect.gen(function* () {
              const counts = yield* decodeCounts(sql`
                select ${stepOf(step)} as step, kind, name, outcome, sum(count)::float8 as count
                from mcp.usage_hourly where hour >= ${since(step, steps)} and kind <> 'call_time'
                group by 1, 2, 3, 4 order by 1, 2, 3, 4`)
              const durations = yield* decodeBuckets(sql`
                select ${stepOf(step)} as step, (place - 1)::int as place, sum(n)::float8 as count
                from mcp.usage_hourly, unnest(buckets) with ordinality as b (n, place)
                where hour >= ${since(step, steps)} and kind = 'call_time'
                group by 1, 2 order by 1, 2`)
              const { now } = (yield* decodeNow(sql`select now() as now`)) ?? { now: new Date(0) }
              return { counts, durations, now }
            })
          ),
        sweep: (batch) =>
          operation(
            decodeSwept(sql`
              with gone as (
                delete from mcp.usage_hourly where ctid = any(array(
                  select ctid from mcp.usage_hourly where hour < now() - make_interval(days => ${usageRetentionDays})
                  order by hour limit ${batch} for update skip locked
                )) returning 1
              )
              select count(*)::int as count from gone`)
          ).pipe(Effect.map((row) => row?.count ?? 0))
      })
    })
  )
}
