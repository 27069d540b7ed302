import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { type AsideOptions, aside } from "../../src/toolsets/aside.ts"

const threads = Effect.fnUntraced(function* (options: Partial<AsideOptions> = {}) {
  const { run } = yield* aside({
    program: new URL("../support/asideProgram.ts", import.meta.url),
    threads: 2,
    maxWaiting: 16,
    turn: "60 seconds",
    time: "60 seconds",
    memoryMb: 32,
    words: { tooCostly: "It takes too much.", busy: "Too many are at work." },
    ...options
  })
  return (order: string) => run({ body: new TextEncoder().encode(order) })
})

describe("aside", () => {
  it.live(
    "F1 work that hangs ends at its deadline, and others have their turn meanwhile and after it",
    () =>
      Effect.gen(function* () {
        const run = yield* threads({ time: "6 seconds" })
        const hanging = yield* Effect.forkChild(Effect.flip(run("hang")))
        assert.strictEqual(yield* run("meanwhile"), "answer to meanwhile")
        assert.include((yield* Fiber.join(hanging)).message, "takes too much")
        // Both threads hang, and the next ones are others.
        yield* Effect.all([Effect.flip(run("hang")), Effect.flip(run("hang"))], { concurrency: "unbounded" })
        assert.deepStrictEqual(yield* Effect.all([run("a"), run("b"), run("c")], { concurrency: "unbounded" }), [
          "answer to a",
          "answer to b",
          "answer to c"
        ])
      }).pipe(Effect.scoped),
    90_000
  )

  it.live("F1 a thread that runs out of memory, throws or leaves ends alone and is replaced", () =>
    Effect.gen(function* () {
      const run = yield* threads({ threads: 1 })
      for (const order of ["grow", "throw", "leave"]) {
        const { message, reason } = yield* Effect.flip(run(order))
        assert.include(message, "takes too much", order)
        assert.notInclude(reason, "page that", order)
        assert.strictEqual(yield* run("next"), "answer to next")
      }
    }).pipe(Effect.scoped)
  )

  it.live("F1 a thread that ended while nobody looked is replaced before it is used", () =>
    Effect.gen(function* () {
      const run = yield* threads({ threads: 1 })
      assert.strictEqual(yield* run("leave later"), "answer to leave later")
      yield* Effect.sleep("500 millis")
      assert.strictEqual(yield* run("next"), "answer to next")
    }).pipe(Effect.scoped)
  )

  it.live("F1 the queue has a bound, and what is more is told to come later", () =>
    Effect.gen(function* () {
      const run = yield* threads({ threads: 1, maxWaiting: 1 })
      const hanging = yield* Effect.forkChild(run("hang"), { startImmediately: true })
      const waiting = yield* Effect.forkChild(run("next"), { startImmediately: true })
      assert.include((yield* Effect.flip(run("more"))).message, "Too many")
      // Who gives up takes the thread along, and those who wait have another one.
      yield* Fiber.interrupt(hanging)
      assert.strictEqual(yield* Fiber.join(waiting), "answer to next")
    }).pipe(Effect.scoped)
  )

  it.live("F1 who waits too long for a turn is told so", () =>
    Effect.gen(function* () {
      const run = yield* threads({ threads: 1, turn: "200 millis" })
      yield* Effect.forkChild(run("hang"), { startImmediately: true })
      assert.include((yield* Effect.flip(run("next"))).message, "Too many")
    }).pipe(Effect.scoped)
  )
})
