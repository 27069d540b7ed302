/** The numbers of this server handed to whoever takes them, from time to time, instead of being asked for. */

import { Context, Effect, Layer, Schedule } from "effect"
import type { OtlpMetrics } from "effect/observability"
import type { ServerConfig } from "../config/ServerConfig.ts"
import { FAMILIES } from "./counts.ts"
import { type MetricsUnheard, metricsListener } from "./listener.ts"
import { BOUNDS, type Described, type Snapshot, type Value } from "./series.ts"

/** Who takes them, and how often; nobody unless somebody is there. */
export const MetricsTaker = Context.Reference<
  { readonly everyMs: number; readonly take: (snapshot: Snapshot) => void } | undefined
>("gatehouse/telemetry/MetricsTaker", { defaultValue: () => undefined })

/** Pushes what `scraped` answers, and what was counted last when the scope closes. */
const metricsPush = (scraped: Effect.Effect<Snapshot>) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const taker = yield* MetricsTaker
      if (taker === undefined) return
      const push = Effect.map(scraped, taker.take)
      yield* Effect.addFinalizer(() => push)
      yield* Effect.forkScoped(Effect.repeat(push, Schedule.spaced(taker.everyMs)))
    })
  )

/** What `scraped` answers, to whoever asks and to whoever takes it. */
export const metricsTold = (scraped: Effect.Effect<Snapshot>): Layer.Layer<never, MetricsUnheard, ServerConfig> =>
  Layer.merge(metricsListener(scraped), metricsPush(scraped))

type Metric = OtlpMetrics.MetricsData["resourceMetrics"][number]["scopeMetrics"][number]["metrics"][number]

/** OTLP's AGGREGATION_TEMPORALITY_CUMULATIVE: since the process was started. */
const CUMULATIVE = 2

/** By Prometheus' rules for names, which have the unit at their end (OpenTelemetry, "Prometheus compatibility"). */
const unitOf = (name: string) => (/_seconds(_total)?$/.test(name) ? "s" : name.endsWith("_bytes") ? "By" : "1")

type Point = readonly [labels: ReadonlyArray<string>, value: Value]

/** A snapshot as OTLP has it. Times are nanoseconds since 1970, in decimal. */
export const otlpMetricsOf = (snapshot: Snapshot, since: string, now: string): ReadonlyArray<Metric> => {
  const metricOf = ({ name, help, type, labels }: Described, cells: ReadonlyArray<Point>): Metric => {
    const about = (values: ReadonlyArray<string>) => ({
      startTimeUnixNano: since,
      timeUnixNano: now,
      attributes: labels.map((key, at) => ({ key, value: { stringValue: values[at] ?? "" } }))
    })
    const numbers = () =>
      cells.flatMap(([values, value]) => (typeof value === "number" ? [{ ...about(values), asDouble: value }] : []))
    const distributions = () =>
      cells.flatMap(([values, value]) => {
        if (typeof value === "number") return []
        const count = value.counts.reduce((all, one) => all + one, 0)
        return [
          { ...about(values), count, sum: value.sum, bucketCounts: [...value.counts], explicitBounds: [...BOUNDS] }
        ]
      })
    const told = { name, description: help, unit: unitOf(name) }
    const cumulative = { aggregationTemporality: CUMULATIVE } as const
    if (type === "gauge") return { ...told, gauge: { dataPoints: numbers() } }
    return type === "counter"
      ? { ...told, sum: { ...cumulative, dataPoints: numbers(), isMonotonic: true } }
      : { ...told, histogram: { ...cumulative, dataPoints: distributions() } }
  }
  return FAMILIES.flatMap(({ described }) => {
    const cells = snapshot[described.name] ?? []
    return cells.length === 0 ? [] : [metricOf(described, cells)]
  })
}
