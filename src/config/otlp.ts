/** OpenTelemetry's own variables, as far as they are heeded: where logs, metrics and traces go, and of which requests there is a trace. */

import { Redacted, Result, Schema } from "effect"
import { flag, httpUrl, integer, oneOf, split, text, withDefault } from "./values.ts"

type Pairs = Readonly<Record<string, string>>

/** `name=value`, separated by commas and percent-encoded (OpenTelemetry, "Resource SDK" and "OTLP Exporter"). */
const pairsOf = (value: string): Result.Result<Pairs, unknown> =>
  Result.try(() =>
    Object.fromEntries(
      split(value).map((pair) => {
        const at = pair.indexOf("=")
        if (at < 1) throw new Error("a pair has a name and a value")
        return [decodeURIComponent(pair.slice(0, at).trim()), decodeURIComponent(pair.slice(at + 1).trim())]
      })
    )
  )
const isPairs = (value: string) => Result.isSuccess(pairsOf(value))
const PAIRS = "must list pairs such as name=value, separated by commas and percent-encoded"
const isRatio = (value: string) => /^(0(\.\d+)?|1(\.0+)?)$/.test(value)

const exporter = withDefault(oneOf("otlp", "none"), "otlp")

/** May hold the key of whoever takes it. */
export const otlpSecrets = {
  OTEL_EXPORTER_OTLP_HEADERS: Schema.optionalKey(Schema.RedactedFromValue(text(isPairs, PAIRS)))
}

export const otlpVariables = {
  OTEL_SDK_DISABLED: withDefault(flag, false),
  OTEL_EXPORTER_OTLP_ENDPOINT: Schema.optionalKey(httpUrl),
  OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: Schema.optionalKey(httpUrl),
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: Schema.optionalKey(httpUrl),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: Schema.optionalKey(httpUrl),
  OTEL_LOGS_EXPORTER: exporter,
  OTEL_METRICS_EXPORTER: exporter,
  OTEL_TRACES_EXPORTER: exporter,
  OTEL_EXPORTER_OTLP_PROTOCOL: withDefault(oneOf("http/protobuf", "http/json"), "http/protobuf"),
  OTEL_EXPORTER_OTLP_COMPRESSION: withDefault(oneOf("none", "gzip"), "none"),
  OTEL_EXPORTER_OTLP_TIMEOUT: integer(1, 600_000, 10_000),
  OTEL_SERVICE_NAME: Schema.optionalKey(Schema.String),
  OTEL_RESOURCE_ATTRIBUTES: Schema.optionalKey(text(isPairs, PAIRS)),
  OTEL_TRACES_SAMPLER: withDefault(
    oneOf(
      "always_on",
      "always_off",
      "traceidratio",
      "parentbased_always_on",
      "parentbased_always_off",
      "parentbased_traceidratio"
    ),
    "parentbased_always_on"
  ),
  OTEL_TRACES_SAMPLER_ARG: Schema.optionalKey(text(isRatio, "must be a number from 0 to 1")),
  OTEL_METRIC_EXPORT_INTERVAL: integer(1, 86_400_000, 60_000),
  OTEL_BLRP_SCHEDULE_DELAY: integer(1, 600_000, 1000),
  OTEL_BSP_SCHEDULE_DELAY: integer(1, 600_000, 5000)
}

const Otlp = Schema.Struct({ ...otlpSecrets, ...otlpVariables })
type Otlp = typeof Otlp.Type

export interface OtlpConfig {
  /** Where each kind goes; nowhere if nothing is said. */
  readonly to: {
    readonly logs: string | undefined
    readonly metrics: string | undefined
    readonly traces: string | undefined
  }
  readonly isJson: boolean
  readonly isCompressed: boolean
  readonly headers: Redacted.Redacted<Pairs>
  /** All in milliseconds. */
  readonly timeoutMs: number
  readonly everyMs: { readonly logs: number; readonly metrics: number; readonly traces: number }
  /** What all of it is about. */
  readonly resource: Pairs
  readonly sampling: {
    /** Whether whoever asks decides, if they say. */
    readonly byParent: boolean
    /** Of all others, from 0 to 1. */
    readonly ratio: number
  }
}

const ratioOf = (env: Otlp) => {
  if (env.OTEL_TRACES_SAMPLER.endsWith("always_on")) return 1
  return env.OTEL_TRACES_SAMPLER.endsWith("always_off") ? 0 : Number(env.OTEL_TRACES_SAMPLER_ARG ?? 1)
}

/** Nothing where nothing is to be sent. */
export const otlpOf = (env: Otlp): OtlpConfig | undefined => {
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT
  const at = (signal: "LOGS" | "METRICS" | "TRACES") => {
    if (env.OTEL_SDK_DISABLED || env[`OTEL_${signal}_EXPORTER`] === "none") return undefined
    const own = env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`]
    return own ?? (base === undefined ? undefined : `${base.replace(/\/$/, "")}/v1/${signal.toLowerCase()}`)
  }
  const to = { logs: at("LOGS"), metrics: at("METRICS"), traces: at("TRACES") }
  if (Object.values(to).every((url) => url === undefined)) return undefined
  // The schema let no other pass.
  const pairs = (value: string | undefined) => (value === undefined ? {} : Result.getOrThrow(pairsOf(value)))
  const { OTEL_EXPORTER_OTLP_HEADERS: headers, OTEL_SERVICE_NAME: name } = env
  return {
    to,
    isJson: env.OTEL_EXPORTER_OTLP_PROTOCOL === "http/json",
    isCompressed: env.OTEL_EXPORTER_OTLP_COMPRESSION === "gzip",
    headers: Redacted.make(pairs(headers && Redacted.value(headers))),
    timeoutMs: env.OTEL_EXPORTER_OTLP_TIMEOUT,
    everyMs: {
      logs: env.OTEL_BLRP_SCHEDULE_DELAY,
      metrics: env.OTEL_METRIC_EXPORT_INTERVAL,
      traces: env.OTEL_BSP_SCHEDULE_DELAY
    },
    resource: {
      "service.name": "gatehouse",
      ...pairs(env.OTEL_RESOURCE_ATTRIBUTES),
      ...(name !== undefined && { "service.name": name })
    },
    sampling: { byParent: env.OTEL_TRACES_SAMPLER.startsWith("parentbased_"), ratio: ratioOf(env) }
  }
}
