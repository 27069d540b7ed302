import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { call } from "../../src/mcp/answers.ts"
import type { ToolContext } from "../../src/toolsets/context.ts"
import { type Declaration, tool } from "../../src/toolsets/declare.ts"
import { ToolFailure } from "../../src/toolsets/failure.ts"
import type { Tool } from "../../src/toolsets/tool.ts"
import { NOBODY, placed } from "../support/toolset.ts"

type Said = Partial<Pick<Declaration<undefined, undefined, never>, "name" | "timeout" | "limits">>

const made = (run: (context: ToolContext) => unknown, said: Said = {}) =>
  placed(tool({ name: "roll", title: "Roll", description: "Rolls.", ...said, run: (_, context) => run(context) }))

const called = (tool: Tool, subject = NOBODY.subject) =>
  call(tool, {}, { ...NOBODY, subject }, {}, () => Effect.die("nothing is asked"))

const wordsOf = (tool: Tool, subject?: string) =>
  Effect.map(called(tool, subject), ({ content, isError }) => {
    const [part] = content ?? []
    return { failed: isError === true, words: part?.type === "text" ? part.text : "" }
  })

const TOO_MUCH = { failed: true, words: "Roll has too much to do at the moment. Try again in a few seconds." }
const DONE = { failed: false, words: "done" }

describe("what a run returns", () => {
  it.live("TL10 is answered: a value, a promise, whatever has a then, an Effect at once or later", () =>
    Effect.gen(function* () {
      // biome-ignore lint/suspicious/noThenProperty: such things come out of libraries
      const later: PromiseLike<string> = { then: (resolve) => Promise.resolve("done").then(resolve) }
      const runs = [
        () => "done",
        () => Promise.resolve("done"),
        () => later,
        () => Effect.succeed("done"),
        () => Effect.as(Effect.yieldNow, "done")
      ]
      for (const run of runs) assert.deepEqual(yield* wordsOf(made(run)), DONE, String(run))
    })
  )

  it.live("TL11 a ToolFailure is told in its words, thrown, rejected, or failed with", () =>
    Effect.gen(function* () {
      const failure = new ToolFailure("No such die.")
      const runs = [
        () => {
          throw failure
        },
        () => Promise.reject(failure),
        () => Effect.fail(failure),
        () => Effect.andThen(Effect.yieldNow, Effect.fail(failure)),
        () => Effect.die(failure)
      ]
      for (const run of runs) {
        assert.deepEqual(yield* wordsOf(made(run)), { failed: true, words: "No such die." }, String(run))
      }
    })
  )

  it.live("TL11 whatever else is thrown is one sentence", () =>
    Effect.gen(function* () {
      const runs = [
        () => {
          throw new Error("postgresql://user:secret@db")
        },
        () => Promise.reject(new Error("secret")),
        () => Promise.reject("secret"),
        () => Promise.reject(undefined),
        () => Effect.die(new Error("secret"))
      ]
      for (const run of runs) {
        const { failed, words } = yield* wordsOf(made(run))
        assert.isTrue(failed)
        assert.strictEqual(words, "The tool failed. Try again later.")
      }
    })
  )
})

describe("a run's time", () => {
  it.live("TL12 ends in a sentence, and the run hears of it, whether it listens before or asks afterwards", () =>
    Effect.gen(function* () {
      let context: ToolContext | undefined
      const tool = made(
        (given) => {
          context = given
          return new Promise(() => {})
        },
        { timeout: "20 millis" }
      )
      const words = "Roll took longer than 0.02 seconds and was stopped."
      assert.deepEqual(yield* wordsOf(tool), { failed: true, words })
      assert.isTrue(context?.signal.aborted)

      const heard = Promise.withResolvers<void>()
      const listening = made(
        ({ signal }) => {
          signal.addEventListener("abort", () => heard.resolve())
          return new Promise(() => {})
        },
        { timeout: "20 millis" }
      )
      assert.isTrue((yield* wordsOf(listening)).failed)
      yield* Effect.promise(() => heard.promise)
      assert.deepEqual(yield* wordsOf(made(() => Effect.never, { timeout: "20 millis" })), { failed: true, words })
    })
  )

  it.live("TL12 may be longer than a timer can be", () =>
    Effect.gen(function* () {
      const later = () => new Promise((resolve) => setTimeout(() => resolve("done"), 20))
      for (const timeout of ["40 days", "Infinity"] as const) {
        assert.deepEqual(yield* wordsOf(made(later, { timeout })), DONE)
      }
    })
  )

  it.live("TL12 a caller who is gone ends it too", () =>
    Effect.gen(function* () {
      const began = Promise.withResolvers<AbortSignal>()
      const tool = made(({ signal }) => {
        began.resolve(signal)
        return new Promise(() => {})
      })
      const fiber = yield* Effect.forkChild(called(tool))
      const signal = yield* Effect.promise(() => began.promise)
      assert.isFalse(signal.aborted)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(signal.aborted)
    })
  )

  it.live("TL12 an Effect is interrupted, and its finalizers run", () =>
    Effect.gen(function* () {
      let released = 0
      const held = Effect.ensuring(
        Effect.never,
        Effect.sync(() => {
          released++
        })
      )
      assert.isTrue((yield* wordsOf(made(() => held, { timeout: "20 millis" }))).failed)
      assert.strictEqual(released, 1)
    })
  )
})

/** A tool whose runs the test ends, the oldest first. */
const waiting = (said: Said) => {
  const runs: Array<(value: string) => void> = []
  const tool = made(() => new Promise<string>((resolve) => runs.push(resolve)), said)
  return { tool, end: Effect.sync(() => runs.shift()?.("done")), atWork: () => runs.length }
}

describe("how many runs there are at once", () => {
  it.live("TL13 is limited in all; the next one is let in when one has ended", () =>
    Effect.gen(function* () {
      const { tool, end, atWork } = waiting({ limits: { atOnce: 2 } })
      const one = yield* Effect.forkChild(wordsOf(tool), { startImmediately: true })
      const two = yield* Effect.forkChild(wordsOf(tool, "another"), { startImmediately: true })
      assert.strictEqual(atWork(), 2)
      assert.deepEqual(yield* wordsOf(tool, "a third"), TOO_MUCH)
      assert.strictEqual(atWork(), 2)
      yield* end
      assert.deepEqual(yield* Fiber.join(one), DONE)
      const three = yield* Effect.forkChild(wordsOf(tool), { startImmediately: true })
      assert.strictEqual(atWork(), 2)
      yield* end
      yield* end
      assert.deepEqual(yield* Fiber.join(two), DONE)
      assert.deepEqual(yield* Fiber.join(three), DONE)
    })
  )

  it.live("TL13 is limited for each person, and the others go on", () =>
    Effect.gen(function* () {
      const { tool, end } = waiting({ limits: { perPerson: 1 } })
      const one = yield* Effect.forkChild(wordsOf(tool, "ann"), { startImmediately: true })
      assert.deepEqual(yield* wordsOf(tool, "ann"), TOO_MUCH)
      const other = yield* Effect.forkChild(wordsOf(tool, "bob"), { startImmediately: true })
      yield* end
      yield* end
      assert.deepEqual(yield* Fiber.join(one), DONE)
      assert.deepEqual(yield* Fiber.join(other), DONE)
      const again = yield* Effect.forkChild(wordsOf(tool, "ann"), { startImmediately: true })
      yield* end
      assert.deepEqual(yield* Fiber.join(again), DONE)
    })
  )

  it.live("TL13 counts what goes on after its time, until it ends; other tools are free", () =>
    Effect.gen(function* () {
      const { tool, end } = waiting({ timeout: "20 millis", limits: { atOnce: 1 } })
      assert.match((yield* wordsOf(tool)).words, /was stopped/)
      assert.deepEqual(yield* wordsOf(tool), TOO_MUCH)
      assert.deepEqual(yield* wordsOf(made(() => "done", { limits: { atOnce: 1 } })), DONE)
      yield* end
      // Its end is heard before anything that comes after it.
      yield* Effect.promise(() => Promise.resolve())
      const next = yield* Effect.forkChild(wordsOf(tool), { startImmediately: true })
      yield* end
      assert.deepEqual(yield* Fiber.join(next), DONE)
    })
  )

  it.live("TL13 an Effect's place is free when it was interrupted or has failed", () =>
    Effect.gen(function* () {
      let turn = 0
      const tool = made(
        () =>
          [Effect.never, Effect.andThen(Effect.yieldNow, Effect.die("broken")), Effect.as(Effect.yieldNow, "done")][
            turn++
          ],
        { timeout: "20 millis", limits: { atOnce: 1 } }
      )
      assert.match((yield* wordsOf(tool)).words, /was stopped/)
      assert.match((yield* wordsOf(tool)).words, /The tool failed/)
      assert.deepEqual(yield* wordsOf(tool), DONE)
    })
  )
})
