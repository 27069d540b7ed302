import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { tool } from "../../src/toolsets/declare.ts"
import { watchLoop } from "../../src/toolsets/own/lateness.ts"
import { capturedLogs } from "../support/logs.ts"
import { NOBODY, placed } from "../support/toolset.ts"

/** A tool that holds everybody up for as long as people notice. */
const blocking = (name: string) =>
  placed(
    tool({
      name,
      title: name,
      description: "Blocks.",
      run: () => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600)
        return {}
      }
    })
  )

describe("a loop that was late", () => {
  it.live("is told with the tools that were at work here, and without those in a thread of their own", () =>
    Effect.gen(function* () {
      const logs = yield* capturedLogs
      const around = yield* watchLoop
      const [here, elsewhere] = [around(blocking("here"), false), around(blocking("elsewhere"), true)]
      yield* elsewhere.call({}, NOBODY, {})
      yield* here.call({}, NOBODY, {})
      const { annotations } = Object(yield* logs.find(({ message }) => String(message).includes("everybody waited")))
      assert.strictEqual(annotations.tools, "here")
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([Logger.consoleJson])))
  )
})
