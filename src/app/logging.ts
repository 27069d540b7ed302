/**
 * Structured logs: readable on a terminal, one JSON object a line elsewhere. What is logged may hold what a stranger wrote,
 * so it is cleaned here, once for all lines: nothing steers the terminal, and no token of ours is readable.
 */

import { Cause, Effect, Formatter, Layer, Logger, References } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"

const LEVELS = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  error: "Error",
  fatal: "Fatal",
  none: "None"
} as const

/** A secret of ours by its prefix, also as a URL may spell it; the prefix stays, so that one knows what it was. */
const SECRET = /mcp(?:_|%5f)(at|rt|ac|cs|reg)(?:_|%5f)[\w%.~-]+/gi
/** What moves the cursor, starts a line or turns the text around: C0, C1, line separators, bidirectional controls. */
const CONTROL = /[\p{Cc}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/gu

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
const redacted = (text: string) => text.replace(SECRET, (_, kind: string) => `mcp_${kind.toLowerCase()}_[redacted]`)

/** Text as it may be logged. */
export const cleanText = (text: string): string => redacted(text).replace(CONTROL, escaped)

/** A stack is several lines. */
const cleanCause = (text: string) => text.split("\n").map(cleanText).join("\n")

/** Does the same to every string in a value, names included. */
const everyText = (change: (text: string) => string) => {
  const changed = (value: unknown): unknown => {
    if (typeof value === "string") return change(value)
    if (Array.isArray(value)) return value.map(changed)
    // Its members are none of those that tell what happened.
    if (value instanceof Error) return cleanCause(Cause.pretty(Cause.fail(value)))
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [change(name), changed(item)]))
  }
  return changed
}

/** A value as it may be logged. */
const clean = everyText(cleanText)

const withoutSecret = everyText(redacted)
/** What is made of strings, numbers, arrays and records, without the secrets in it: the same shape, with other text in it. */
export const withoutSecrets = <A>(value: A): A => withoutSecret(value) as A

/** `always` stands in each line. */
const lineWith = (always: Readonly<Record<string, unknown>>) =>
  Logger.map(Logger.formatStructured, ({ message, cause, annotations, ...rest }) => ({
    message: clean(message),
    ...rest,
    cause: cause === undefined ? undefined : cleanCause(cause),
    annotations: {
      ...Object.fromEntries(Object.entries(annotations).map(([name, value]) => [cleanText(name), clean(value)])),
      ...always
    }
  }))
type Line = ReturnType<typeof lineWith>

const told = (value: unknown) => (typeof value === "string" ? value : Formatter.formatJson(value))

/** What belongs to a line stands below it and further in, so that no text can pass for a line of its own. */
const pretty = (line: Line) =>
  Logger.map(line, ({ timestamp, level, message, cause, annotations, spans }) =>
    [
      `[${timestamp}] ${level}: ${told(message)}`,
      ...(cause?.split("\n") ?? []),
      ...Object.entries({ ...annotations, ...spans }).map(([name, value]) => `${name}: ${told(value)}`)
    ].join("\n  ")
  )

const loggingTo = (stream: "stdout" | "stderr") =>
  Layer.unwrap(
    Effect.gen(function* () {
      const { log, worker, workerSockets } = yield* ServerConfig
      // Whose it is, where there are several.
      const line = lineWith(workerSockets === undefined ? {} : { worker })
      const isPretty = log.format === undefined ? process[stream].isTTY === true : log.format === "pretty"
      const written = stream === "stdout" ? Logger.withConsoleLog<unknown, string> : Logger.withConsoleError
      return Layer.mergeAll(
        Logger.layer([written(isPretty ? pretty(line) : Logger.map(line, (value) => Formatter.formatJson(value)))]),
        Layer.succeed(References.MinimumLogLevel, LEVELS[log.level]),
        // Spans are made for requests of which there is a trace, and for nothing else (`telemetry/trace.ts`).
        Layer.succeed(References.TracerEnabled, false)
      )
    })
  )

export const Logging = loggingTo("stdout")
/** For programs whose output is an answer that others read. */
export const LoggingAside = loggingTo("stderr")
