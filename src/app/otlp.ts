/**
 * Logs, metrics and traces sent by OTLP. Whoever takes them is never waited for: each attempt has its time, only so many are under way, and
 * what could not be sent is dropped, for a minute. Loaded where the configuration says where to.
 */

import { randomUUID } from "node:crypto"
import { Cause, Effect, Layer, Redacted } from "effect"
import { FetchHttpClient, HttpClient, type HttpClientError, type HttpClientResponse } from "effect/http"
import { OtlpExporter, OtlpLogger, OtlpResource, OtlpSerialization, OtlpTracer } from "effect/observability"
import type { OtlpConfig } from "../config/otlp.ts"
import { version } from "../config/version.ts"
import { whyOf } from "../database/query.ts"
import { MetricsTaker, otlpMetricsOf } from "../telemetry/push.ts"
import type { Snapshot } from "../telemetry/series.ts"
import { Sampling, samplerOf } from "../telemetry/trace.ts"
import { withoutSecrets } from "./logging.ts"

/** Of all three kinds together. */
const UNDER_WAY = 8
const TELL_EVERY_MS = 60_000

const reasonOf = (cause: Cause.Cause<unknown>) => {
  const error = Cause.squash(cause)
  return error instanceof Error ? whyOf(error) : String(error)
}

/** The library tries three times what failed, and then drops what there is for a minute; it drops at once where this dies. */
const bounded = (timeoutMs: number) => {
  let underWay = 0
  let told = Number.NEGATIVE_INFINITY
  const tell = (why: string) =>
    Effect.suspend(() => {
      if (performance.now() - told < TELL_EVERY_MS) return Effect.void
      told = performance.now()
      return Effect.logWarning(`telemetry is not taken, and may be lost: ${why}`)
    })
  const held = (send: Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>) =>
    Effect.suspend(() => {
      if (underWay >= UNDER_WAY) return Effect.die(new Error("too much of it is under way"))
      underWay++
      const inTime = Effect.timeoutOrElse(send, {
        duration: timeoutMs,
        orElse: () => Effect.die(new Error(`there was no answer within ${timeoutMs} ms`))
      })
      return Effect.onExitPrimitive(inTime, () => {
        underWay--
        return undefined
      })
    }).pipe(
      // Its headers, which may have a key in them, are for nobody else.
      Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
      Effect.tap(({ status }) => (status < 300 ? Effect.void : tell(`the answer was ${status}`))),
      Effect.tapCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : tell(reasonOf(cause))))
    )
  return (client: HttpClient.HttpClient): HttpClient.HttpClient => HttpClient.transformResponse(client, held)
}

/** What leaves is cleaned here, once for all three kinds, whoever wrote it. */
const Cleaned = Layer.effect(
  OtlpSerialization.OtlpSerialization,
  Effect.map(OtlpSerialization.OtlpSerialization, ({ logs, metrics, traces }) =>
    OtlpSerialization.OtlpSerialization.of({
      logs: (data) => logs(withoutSecrets(data)),
      metrics: (data) => metrics(withoutSecrets(data)),
      traces: (data) => traces(withoutSecrets(data))
    })
  )
)

const nanoseconds = (milliseconds: number) => String(BigInt(Math.round(milliseconds)) * 1_000_000n)

interface Target {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly compression: "gzip" | "none"
  readonly exportInterval: number
  readonly shutdownTimeout: number
}

const Metrics = (target: Target, attributes: Readonly<Record<string, string>>) =>
  Layer.effect(
    MetricsTaker,
    Effect.gen(function* () {
      const { metrics } = yield* OtlpSerialization.OtlpSerialization
      const resource = OtlpResource.make({ attributes })
      const since = nanoseconds(performance.timeOrigin)
      const scope = { name: "gatehouse", version }
      const exporter = yield* OtlpExporter.make({
        ...target,
        label: "OtlpMetrics",
        maxBatchSize: 1,
        // Each snapshot has all that was counted so far.
        body: (snapshots: Array<Snapshot>) => {
          const now = nanoseconds(performance.timeOrigin + performance.now())
          const told = [...otlpMetricsOf(snapshots.at(-1) ?? {}, since, now)]
          return [metrics({ resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: told }] }] }), Effect.void]
        }
      })
      return { everyMs: target.exportInterval, take: exporter.push }
    })
  )

/** All of it, until the scope closes with the rest sent. */
export const layerOtlp = ({
  to,
  everyMs,
  timeoutMs,
  headers,
  resource,
  sampling,
  isJson,
  isCompressed
}: OtlpConfig) => {
  const attributes = { "service.version": version, "service.instance.id": randomUUID(), ...resource }
  const target = (url: string, exportInterval: number): Target => ({
    url,
    headers: Redacted.value(headers),
    compression: isCompressed ? "gzip" : "none",
    exportInterval,
    // A server that ends has been waited for long enough.
    shutdownTimeout: Math.min(timeoutMs, 3000)
  })
  const about = { resource: { attributes } }
  const logs = to.logs === undefined ? Layer.empty : OtlpLogger.layer({ ...target(to.logs, everyMs.logs), ...about })
  const metrics = to.metrics === undefined ? Layer.empty : Metrics(target(to.metrics, everyMs.metrics), attributes)
  const traces =
    to.traces === undefined
      ? Layer.empty
      : Layer.merge(
          OtlpTracer.layer({ ...target(to.traces, everyMs.traces), ...about }),
          Layer.succeed(Sampling, samplerOf(sampling))
        )
  const Client = Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, bounded(timeoutMs)))
  return Layer.mergeAll(logs, metrics, traces).pipe(
    Layer.provide(OtlpExporter.layerFlusher),
    Layer.provide(Cleaned.pipe(Layer.provide(isJson ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf))),
    Layer.provide(Client.pipe(Layer.provide(FetchHttpClient.layer)))
  )
}
