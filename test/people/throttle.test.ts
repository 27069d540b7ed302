import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { deriveServerKey, ServerKeys } from "../../src/oauth/tokens/ServerKeys.ts"
import { delayOf, Throttle, type Try } from "../../src/people/Throttle.ts"

const key = deriveServerKey(7, randomBytes(32))
const Keys = Layer.succeed(
  ServerKeys,
  ServerKeys.of({ signing: () => key, byId: (id) => (id === key.id ? key : undefined), rotate: Effect.undefined })
)
/** One of its own for each test, so that nobody has tried before. */
const fresh = (variables: Readonly<Record<string, string>> = {}) =>
  Effect.provide(
    Layer.fresh(
      Throttle.layer.pipe(
        Layer.provide(Keys),
        Layer.provide(ServerConfig.layerOf({ RATE_LIMIT_ENABLED: "true", ...variables }))
      )
    )
  )

const ADA = "6f1c7d4e-0000-4000-8000-000000000001"
const BOB = "6f1c7d4e-0000-4000-8000-000000000002"
let addresses = 0
/** Somebody who tries a name from where nobody has tried anything. */
const stranger = (name: string, more: Partial<Try> = {}): Try => ({
  name,
  personId: undefined,
  address: `198.18.${Math.floor(++addresses / 256)}.${addresses % 256}`,
  mark: undefined,
  ...more
})

const admit = (attempt: Try) => Effect.flatMap(Throttle, (throttle) => throttle.admit(attempt))
const failed = (attempt: Try) => Effect.flatMap(Throttle, (throttle) => throttle.failed(attempt))
const times = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.forEach(Array.from({ length: count }), () => effect, { discard: true })

/** For how many seconds it is refused; nothing for what is admitted, however long that takes. */
const refusal = Effect.fnUntraced(function* (attempt: Try) {
  const fiber = yield* Effect.forkChild(Effect.flip(admit(attempt)), { startImmediately: true })
  yield* TestClock.adjust("10 seconds")
  const exit = yield* Fiber.await(fiber)
  return exit._tag === "Success" ? exit.value.retryAfterSeconds : undefined
})

/** How many milliseconds it takes to be admitted. */
const wait = Effect.fnUntraced(function* (attempt: Try) {
  const before = yield* Clock.currentTimeMillis
  const fiber = yield* Effect.forkChild(Effect.andThen(admit(attempt), Clock.currentTimeMillis), {
    startImmediately: true
  })
  yield* TestClock.adjust("10 seconds")
  return (yield* Fiber.join(fiber)) - before
})

describe("how often somebody may try to sign in", () => {
  it("ASVS 6.3.1 three failures cost nothing, then each doubles the wait, up to five seconds", () => {
    assert.deepStrictEqual(
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1e9].map(delayOf),
      [0, 0, 0, 250, 500, 1000, 2000, 4000, 5000, 5000, 5000]
    )
  })

  it.effect(
    "ASVS 6.3.1 an address has five tries for a name in 150 seconds; other names and addresses have theirs",
    () =>
      Effect.gen(function* () {
        const [address, elsewhere] = ["2001:db8:1:2::1", "192.0.2.2"]
        yield* times(5, admit(stranger("ada", { address })))
        // Neither another case nor another address of the same network is somebody else.
        const again = stranger("ADA", { address: "2001:db8:1:2:ffff::9" })
        assert.strictEqual((yield* Effect.flip(admit(again))).retryAfterSeconds, 150)
        yield* admit(stranger("bob", { address }))
        yield* admit(stranger("ada", { address: elsewhere }))
        yield* TestClock.adjust("149 seconds")
        assert.isDefined(yield* Effect.flip(admit(again)))
        yield* TestClock.adjust("1 second")
        yield* admit(again)
      }).pipe(fresh())
  )

  it.effect("ASVS 6.3.1 an address has thirty tries in ten minutes, whatever the names", () =>
    Effect.gen(function* () {
      const address = "192.0.2.3"
      yield* Effect.forEach(Array.from({ length: 30 }), (_, index) => admit(stranger(`name${index}`, { address })))
      assert.strictEqual((yield* Effect.flip(admit(stranger("another", { address })))).retryAfterSeconds, 600)
      yield* TestClock.adjust("10 minutes")
      yield* admit(stranger("another", { address }))
    }).pipe(fresh())
  )

  it.effect("a try that goes well costs one too, or the right password of one's own would buy tries for others", () =>
    Effect.gen(function* () {
      const address = "192.0.2.4"
      // Nothing of it is told to have failed.
      yield* times(5, admit(stranger("ada", { address, personId: ADA })))
      assert.isDefined(yield* refusal(stranger("ada", { address, personId: ADA })))
    }).pipe(fresh())
  )

  it.effect("UI10 ASVS 6.3.1 a name that many try takes longer and is never refused, whoever has it, or nobody", () =>
    Effect.gen(function* () {
      for (const personId of [ADA, undefined]) {
        const name = `${personId}@people.example`
        const waits: Array<number> = []
        for (let count = 0; count < 10; count++) {
          waits.push(yield* wait(stranger(name, { personId })))
          yield* failed(stranger(name.toUpperCase(), { personId }))
        }
        assert.deepStrictEqual(waits, [0, 0, 0, 250, 500, 1000, 2000, 4000, 5000, 5000])
        yield* times(100, failed(stranger(name, { personId })))
        assert.strictEqual(yield* wait(stranger(name, { personId })), 5000)
      }
      assert.strictEqual(yield* wait(stranger("eve@people.example")), 0)
    }).pipe(fresh())
  )

  it.effect("failures of a name are forgotten fifteen minutes after the last of them", () =>
    Effect.gen(function* () {
      yield* times(4, failed(stranger("ada")))
      yield* TestClock.adjust("14 minutes")
      yield* failed(stranger("ada"))
      yield* TestClock.adjust("14 minutes")
      assert.strictEqual(yield* wait(stranger("ada")), 1000)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* wait(stranger("ada")), 0)
      yield* failed(stranger("ada"))
      assert.strictEqual(yield* wait(stranger("ada")), 0)
    }).pipe(fresh())
  )

  it.effect(
    "UI10 ASVS 6.3.1 a browser that its person signed in with waits for nobody, and has thirty tries of its own",
    () =>
      Effect.gen(function* () {
        const address = "192.0.2.5"
        const { markFor } = yield* Throttle
        yield* times(20, failed(stranger("ada", { personId: ADA })))
        yield* times(5, refusal(stranger("ada", { address, personId: ADA })))
        const known = stranger("ada", { address, personId: ADA, mark: markFor(ADA) })
        // The address has no try left for this name, which is nothing to the browser that is known.
        assert.isDefined(yield* refusal(stranger("ada", { address, personId: ADA })))
        const before = yield* Clock.currentTimeMillis
        yield* times(30, admit(known))
        assert.strictEqual(yield* Clock.currentTimeMillis, before)
        assert.strictEqual((yield* Effect.flip(admit({ ...known, address: "192.0.2.6" }))).retryAfterSeconds, 600)
        // Another browser of the same person is counted by itself.
        yield* admit({ ...known, mark: markFor(ADA) })
      }).pipe(fresh())
  )

  it.effect("UI10 a mark of somebody else, a changed one and none make no browser known", () =>
    Effect.gen(function* () {
      const { markFor } = yield* Throttle
      yield* times(8, failed(stranger("ada", { personId: ADA })))
      const mark = markFor(ADA)
      const other = markFor(ADA)
      for (const [what, more] of [
        ["none", { mark: undefined }],
        ["empty", { mark: "" }],
        ["Bob's", { mark: markFor(BOB) }],
        ["of another random part", { mark: `${other.split(":")[0]}:${mark.split(":")[1]}` }],
        ["of another key", { mark: mark.replace(":7.", ":8.") }],
        ["of a name that nobody has", { mark, personId: undefined }]
      ] as const) {
        assert.strictEqual(yield* wait(stranger("ada", { personId: ADA, ...more })), 5000, what)
      }
      assert.strictEqual(yield* wait(stranger("ada", { personId: ADA, mark })), 0)
    }).pipe(fresh())
  )

  it.effect(
    "of ten thousand names the failures are remembered; the next pushes out the one that failed longest ago",
    () =>
      Effect.gen(function* () {
        for (const name of ["first", "second"]) yield* times(4, failed(stranger(name)))
        // The first one fails again, and is the newest by that.
        yield* failed(stranger("first"))
        yield* Effect.forEach(Array.from({ length: 9_998 }), (_, index) => failed(stranger(`name${index}`)))
        assert.strictEqual(yield* wait(stranger("second")), 500)
        yield* failed(stranger("one more"))
        assert.strictEqual(yield* wait(stranger("second")), 0)
        assert.strictEqual(yield* wait(stranger("first")), 1000)
      }).pipe(fresh())
  )

  it.effect("ASVS 6.3.1 codes have twenty tries of an address, what begins elsewhere thirty, each for itself", () =>
    Effect.gen(function* () {
      const address = "192.0.2.7"
      const { code, upstream } = yield* Throttle
      yield* times(20, code(address))
      assert.strictEqual((yield* Effect.flip(code(address))).retryAfterSeconds, 600)
      yield* times(30, upstream(address))
      assert.strictEqual((yield* Effect.flip(upstream(address))).retryAfterSeconds, 600)
      yield* admit(stranger("ada", { address }))
      yield* code("192.0.2.8")
    }).pipe(fresh())
  )

  it.effect("without limits nobody waits", () =>
    Effect.gen(function* () {
      const again = stranger("ada")
      yield* times(100, failed(again))
      const before = yield* Clock.currentTimeMillis
      yield* times(100, admit(again))
      assert.strictEqual(yield* Clock.currentTimeMillis, before)
    }).pipe(fresh({ RATE_LIMIT_ENABLED: "false" }))
  )
})
