import { assert, describe, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"

/** All that an effect writes to the console in a format. */
const written = (format: "json" | "pretty", effect: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const spy = vi.spyOn(console, "log").mockImplementation((...parts) => void lines.push(parts.join(" ")))
    yield* effect.pipe(
      Effect.provide(Logging),
      Effect.provide(ServerConfig.layerOf({ LOG_FORMAT: format, LOG_LEVEL: "trace" })),
      Effect.ensuring(Effect.sync(() => spy.mockRestore())),
      Effect.orDie
    )
    return lines.join("\n")
  })

const SECRETS = ["at", "rt", "ac", "cs", "reg"].map((kind) => `mcp_${kind}_canary-${"x".repeat(40)}`)

describe("logs", () => {
  for (const format of ["json", "pretty"] as const) {
    it.live(`B22 OP5 no secret of ours is in a message, an annotation or a cause, whatever holds it (${format})`, () =>
      Effect.gen(function* () {
        const all = SECRETS.join(" ")
        const output = yield* written(
          format,
          Effect.logError(`said ${all}`, { deep: [{ [all]: all }] }, all).pipe(
            Effect.andThen(Effect.fail(new Error(`in ${all}`, { cause: new Error(all) }))),
            Effect.catchCause((cause) => Effect.logError("failed", cause)),
            Effect.annotateLogs({ path: `/${SECRETS[0]}`, encoded: "/mcp%5Fat%5Fcanary", nested: { all: [all] } })
          )
        )
        assert.notInclude(output, "canary")
        for (const kind of ["at", "rt", "ac", "cs", "reg"]) assert.include(output, `mcp_${kind}_[redacted]`)
      })
    )

    it.live(
      `OP5 an error beside a message is told: its name, its words and its cause, and no secret in them (${format})`,
      () =>
        Effect.gen(function* () {
          const error = new TypeError(`no ${SECRETS[0]} for you`, { cause: new Error("the disk is full") })
          const output = yield* written(format, Effect.logError("a tool ended in a defect", error))
          assert.include(output, "TypeError: no mcp_at_[redacted] for you")
          assert.include(output, "the disk is full")
          assert.notInclude(output, "canary")
        })
    )

    it.live(`B22 what a stranger wrote neither steers the terminal nor passes for a line of ours (${format})`, () =>
      Effect.gen(function* () {
        const evil = "\u001b[2J\u009b2J\r\n[forged] ERROR: x\u202e\u2028\u007f"
        const output = yield* written(
          format,
          Effect.logInfo(evil).pipe(
            Effect.andThen(Effect.logError("failed", new Error(evil))),
            Effect.andThen(Effect.die(new Error(evil)).pipe(Effect.catchCause((cause) => Effect.logError("x", cause)))),
            Effect.annotateLogs({ path: evil, [evil]: { [evil]: [evil] } })
          )
        )
        assert.notMatch(output.replaceAll("\n", ""), /[\p{Cc}\u202e\u2028]/u)
        assert.notMatch(output, /^\[forged\]/m)
        assert.include(output, "\\u001b")
      })
    )
  }
})
