/** Structured logs: readable on a terminal, one JSON object a line elsewhere. */

import { Effect, Layer, Logger, References } from "effect"
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

export const Logging = Layer.unwrap(
  Effect.gen(function* () {
    const { log } = yield* ServerConfig
    const pretty = log.format === undefined ? process.stdout.isTTY === true : log.format === "pretty"
    return Layer.merge(
      Logger.layer([pretty ? Logger.consolePretty() : Logger.consoleJson]),
      Layer.succeed(References.MinimumLogLevel, LEVELS[log.level])
    )
  })
)
