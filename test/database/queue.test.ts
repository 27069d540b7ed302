import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { operation, StoreUnavailable } from "../../src/database/query.ts"
import { makeQueue, queue } from "../../src/database/queue.ts"

const [PLACES, FEW, MOST_MS] = [4, 16, 100]

const opened = () => {
  const it = makeQueue()
  it.open(PLACES, MOST_MS)
  return it
}
/** Answers come `gap` apart, while every connection is busy. */
const worked = (gap: number) => {
  const it = opened()
  let now = 0
  for (let n = 0; n < PLACES + 1; n++) it.enter(now)
  for (let n = 0; n < 500; n++) {
    now += gap
    it.leave(now)
    it.enter(now)
  }
  return { it, now }
}

describe("the queue for the database", () => {
  it("refuses nobody before it is told of connections", () => {
    const it = makeQueue()
    for (let n = 0; n < 10_000; n++) assert.isTrue(it.enter(1e9 * n))
    assert.strictEqual(it.delay(1e15), 0)
  })

  it("tells who comes how long they wait: as many as there are, times what passes between two answers", () => {
    const { it, now } = worked(2)
    assert.strictEqual(it.delay(now), 0)
    for (let n = PLACES + 1; n < PLACES + FEW; n++) it.enter(now)
    assert.closeTo(it.delay(now), 2 * (PLACES + FEW), 0.1)
    // How much is asked is no measure of how much can be done.
    const idle = opened()
    for (let n = 0; n < 500; n++) {
      idle.enter(1000 * n)
      idle.leave(1000 * n + 5)
    }
    for (let n = 0; n < 60; n++) idle.enter(1e6)
    assert.isBelow(idle.delay(1e6), MOST_MS)
  })

  it("refuses whoever would wait twice as long as a request may, and nobody when it is over", () => {
    const { it, now } = worked(5)
    let under = PLACES + 1
    while (under < 1000 && it.enter(now)) under++
    assert.closeTo(under, (2 * MOST_MS) / 5, 2)
    assert.strictEqual(it.refused(), 1)
    it.leave(now + 5)
    it.leave(now + 10)
    assert.isTrue(it.enter(now + 10))
  })

  it("refuses more than a few when nothing comes back any more, and lets a few wait whatever it takes", () => {
    const it = opened()
    for (let n = 0; n < PLACES + FEW; n++) assert.isTrue(it.enter(10_000))
    assert.isFalse(it.enter(10_000 + 2 * MOST_MS + 1))
    it.leave(10_000 + 2 * MOST_MS + 1)
    assert.isTrue(it.enter(10_000 + 2 * MOST_MS + 2))
  })

  it.live("an operation that cannot wait is 503 without being sent; what was sent is answered, and counted once", () =>
    Effect.gen(function* () {
      queue.open(1, 60_000)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => queue.open(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY))
      )
      const release = yield* Deferred.make<void>()
      const held = operation(Deferred.await(release))
      const all = yield* Effect.replicateEffect(Effect.forkChild(held, { startImmediately: true }), 1 + FEW)
      // Now nothing may wait, and the others do.
      queue.open(1, 0)
      let sent = 0
      const exit = yield* Effect.exit(operation(Effect.sync(() => sent++)))
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof StoreUnavailable)
      assert.strictEqual(sent, 0)
      yield* Deferred.succeed(release, undefined)
      yield* Effect.forEach(all, Fiber.join)
      yield* operation(Effect.sync(() => sent++))
      assert.strictEqual(sent, 1)
      // Whoever was interrupted waits no more.
      for (let n = 0; n < 3 * FEW; n++) {
        const fiber = yield* Effect.forkChild(operation(Effect.never), { startImmediately: true })
        yield* Fiber.interrupt(fiber)
      }
      yield* operation(Effect.sync(() => sent++))
      assert.strictEqual(sent, 2)
    }).pipe(Effect.scoped)
  )
})
