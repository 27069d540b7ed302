import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted, Result } from "effect"
import * as ClientSecret from "../../../src/oauth/clients/secret.ts"
import * as Slow from "../../../src/oauth/clients/slowHash.ts"

const PEOPLE_CHOSE = [
  "secret",
  "correct horse battery staple and more",
  "correcthorsebatterystaple123456789",
  "passwordpasswordpasswordpassword1A",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "00000000000000000000000000000000",
  "MyCompanyProductionSecretKey20261124",
  "abcdefghijklmnopqrstuvwxyz0123456789",
  "Tr0ub4dor&3Tr0ub4dor&3Tr0ub4dor&3"
]

/** A secret that a person chose, hashed at a fraction of the cost. */
const chosen = Effect.fn("chosen")(function* (text: string) {
  const [secret, salt, kdf] = [Redacted.make(text), randomBytes(16), "scrypt:16384:8:1"]
  return { secret, stored: { hash: yield* Slow.derive(secret, salt, kdf), salt, kdf } }
})

describe("client secrets at rest", () => {
  it("what people choose does not look random", () => {
    for (const chosen of PEOPLE_CHOSE) assert.isFalse(ClientSecret.looksRandom(chosen), chosen)
  })

  it("what is drawn at random does, nearly always", () => {
    for (const encoding of ["hex", "base64", "base64url"] as const) {
      const drawn = Array.from({ length: 500 }, () => randomBytes(32).toString(encoding))
      assert.isAbove(drawn.filter(ClientSecret.looksRandom).length, 485, encoding)
    }
  })

  it.effect("a generated secret is stored as its SHA-256 and verifies", () =>
    Effect.gen(function* () {
      const secret = ClientSecret.generate()
      assert.match(Redacted.value(secret), /^mcp_cs_[\w-]{43}$/)
      const stored = yield* ClientSecret.hash(secret)
      assert.isNull(stored.kdf)
      assert.isTrue(yield* ClientSecret.verify(secret, stored))
      assert.isFalse(yield* ClientSecret.verify(ClientSecret.generate(), stored))
    })
  )

  it.live("a secret that a person chose is stored under a salted slow hash and verifies", () =>
    Effect.gen(function* () {
      const secret = Redacted.make("hunter2")
      const [one, two] = [yield* ClientSecret.hash(secret), yield* ClientSecret.hash(secret)]
      assert.match(one.kdf ?? "", /^scrypt:/)
      assert.notDeepEqual(one.hash, two.hash)
      assert.isTrue(yield* ClientSecret.verify(secret, one))
      assert.isFalse(yield* ClientSecret.verify(Redacted.make("hunter3"), one))
    })
  )

  it("B16 what we generate looks random: what does not is drawn again", () => {
    const draws = [Buffer.alloc(32), Buffer.from("the same words and the same words"), randomBytes(32)]
    const secret = Redacted.value(ClientSecret.generate(() => draws.shift() ?? randomBytes(32)))
    assert.isTrue(ClientSecret.looksRandom(secret))
    assert.isAtMost(draws.length, 1)
  })

  it.live("a client secret compared by its first 20 characters would be wrong: every character counts", () =>
    Effect.gen(function* () {
      const drawn = Redacted.value(ClientSecret.generate())
      const stored = yield* ClientSecret.hash(Redacted.make(drawn))
      const isRight = (secret: string) => ClientSecret.verify(Redacted.make(secret), stored)
      assert.isTrue(yield* isRight(drawn))
      const other = (character: string) => (character === "A" ? "B" : "A")
      for (let at = 0; at < drawn.length; at++) {
        const changed = drawn.slice(0, at) + other(drawn[at] ?? "") + drawn.slice(at + 1)
        assert.isFalse(yield* isRight(changed), String(at))
        assert.isFalse(yield* isRight(drawn.slice(0, at)), String(at))
      }
      assert.isFalse(yield* isRight(`${drawn}A`))
      const words = "correct horse battery staple"
      const { secret, stored: slow } = yield* chosen(words)
      for (const wrong of [words.slice(0, 20), `${words.slice(0, -1)}x`, `${words} `]) {
        assert.isFalse(yield* ClientSecret.verify(Redacted.make(wrong), slow), wrong)
      }
      assert.isTrue(yield* ClientSecret.verify(secret, slow))
      // What was right a moment ago makes nothing else right.
      assert.isFalse(yield* ClientSecret.verifyFor(Effect.succeed("here"), Redacted.make(words.slice(0, 20)), slow))
    })
  )

  it.live("B11 a flood of wrong secrets waits for itself: who was right is not kept waiting, others but shortly", () =>
    Effect.gen(function* () {
      const { secret, stored } = yield* chosen("hunter2")
      const other = yield* chosen("hunter3")
      const from = (address: string) => Effect.succeed(address)
      assert.isTrue(yield* ClientSecret.verifyFor(from("known"), secret, stored))
      let answered = 0
      // The first that is refused says that all who may wait are waiting.
      const full = yield* Deferred.make<void>()
      const guess = (count: number) =>
        ClientSecret.verifyFor(from("flood"), Redacted.make(`guess ${count}`), stored).pipe(
          Effect.tap(() => Effect.sync(() => answered++)),
          Effect.tapError(() => Deferred.succeed(full, undefined)),
          Effect.result
        )
      const flood = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 250 }, (_, count) => guess(count)),
          { concurrency: "unbounded" }
        )
      )
      yield* Deferred.await(full)
      assert.isTrue(yield* ClientSecret.verifyFor(from("known"), secret, stored))
      assert.strictEqual(answered, 0, "a secret that was right a moment ago is not hashed again")
      assert.isTrue(yield* ClientSecret.verifyFor(from("honest"), other.secret, other.stored))
      const results = yield* Fiber.join(flood)
      const refused = results.filter(Result.isFailure)
      assert.lengthOf(refused, 250 - 8)
      for (const { failure } of refused) assert.strictEqual(failure._tag, "slow_down")
      assert.isTrue(results.filter(Result.isSuccess).every(({ success }) => !success))
      // The lane is as it was.
      assert.isFalse(yield* ClientSecret.verifyFor(from("flood"), Redacted.make("one more"), stored))
    })
  )

  it.live("B11 from many addresses at once no more are let wait than can be served soon", () =>
    Effect.gen(function* () {
      const { secret, stored } = yield* chosen("hunter2")
      const asked: Array<Fiber.Fiber<unknown, { readonly _tag: string }>> = []
      for (let address = 0; address < 60; address++) {
        const guess = ClientSecret.verifyFor(Effect.succeed(`address ${address}`), Redacted.make("guess"), stored)
        asked.push(yield* Effect.forkChild(guess))
      }
      const refusals = () => asked.filter((fiber) => fiber.pollUnsafe() !== undefined)
      yield* Effect.repeat(Effect.yieldNow, { until: () => refusals().length >= 20 })
      const refused = refusals()
      assert.isAtLeast(refused.length, 20)
      // Those who hang up before their turn leave the queue.
      yield* Effect.forEach(asked, Fiber.interrupt)
      assert.isTrue(yield* ClientSecret.verifyFor(Effect.succeed("honest"), secret, stored))
    })
  )

  it.live("B11 the same secret that comes many times at once is hashed once", () =>
    Effect.gen(function* () {
      const { secret, stored } = yield* chosen("hunter2")
      let hashed = 0
      const asks = Array.from({ length: 8 }, () =>
        Slow.matches(secret, stored, () => {
          hashed++
          return true
        })
      )
      assert.isTrue((yield* Effect.all(asks, { concurrency: "unbounded" })).every(Boolean))
      assert.strictEqual(hashed, 1)
      // Another stored secret is another, though its hash looked right to somebody.
      assert.isFalse(yield* Slow.isKnown(secret, { ...stored, hash: randomBytes(32) }))
    })
  )
})
