import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Redacted, Schema } from "effect"
import * as argon2id from "../../src/people/passwords/argon2id.ts"
import { check } from "../../src/people/passwords/policy.ts"

const Memory = Schema.Int.check(Schema.isBetween({ minimum: 8, maximum: 9_999_999 }))
const Small = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 99 }))
const SURROUNDINGS = { name: "Ada Lovelace", email: "lovelace@people.example", host: "gate.example" }
const chosen = (password: string) => Effect.exit(check(Redacted.make(password), SURROUNDINGS))

describe("passwords", () => {
  it.prop("ASVS 11.4.2: a PHC string is read as it was written", [Memory, Small, Small, Small], (given) => {
    const [memory, passes, saltMore, tagMore] = given
    const salt = randomBytes(16 + (saltMore % 32))
    const tag = randomBytes(16 + (tagMore % 80))
    const hash = { memory, passes, parallelism: 1, salt, tag }
    assert.deepStrictEqual(argon2id.parse(argon2id.format(hash)), hash)
  })

  it.effect("ASVS 6.2.8: a password is verified exactly as it was typed; nobody's is never right", () =>
    Effect.gen(function* () {
      const stored = yield* argon2id.hash(Redacted.make(" Pässword "))
      assert.isTrue(yield* argon2id.verify(Redacted.make(" Pässword "), stored))
      assert.isFalse(yield* argon2id.verify(Redacted.make("Pässword"), stored))
      assert.isFalse(yield* argon2id.verify(Redacted.make(" Pässword "), undefined))
      assert.isFalse(argon2id.isWeak(stored))
      assert.isTrue(argon2id.isWeak(Redacted.make(Redacted.value(stored).replace("m=19456", "m=9216"))))
    })
  )

  it.effect("ASVS 15.1.3: few hashes run, twenty wait, and the next is told that it is busy", () =>
    Effect.gen(function* () {
      const { AT_ONCE, WAITING } = argon2id
      const gate = yield* Deferred.make<void>()
      const full = yield* Deferred.make<void>()
      let running = 0
      const work = Effect.suspend(() => {
        if (++running === AT_ONCE) Deferred.doneUnsafe(full, Exit.void)
        return Deferred.await(gate)
      })
      const fibers = yield* Effect.forEach(Array.from({ length: AT_ONCE + WAITING }), () =>
        Effect.forkChild(argon2id.inTurn(work), { startImmediately: true })
      )
      yield* Deferred.await(full)
      assert.strictEqual((yield* Effect.flip(argon2id.inTurn(Effect.void)))._tag, "Busy")
      assert.strictEqual(running, AT_ONCE)
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.forEach(fibers, Fiber.join)
      assert.strictEqual(running, AT_ONCE + WAITING)
      yield* argon2id.inTurn(Effect.void)
    })
  )

  for (const [id, password, fits] of [
    ["ASVS 6.2.1", "kq7#xv9", false],
    ["ASVS 6.2.1", "kq7#xv9z", true],
    ["ASVS 6.2.9", "ä".repeat(256), true],
    ["ASVS 6.2.9", "ä".repeat(257), false],
    ["ASVS 6.2.4", "PassWord1", false],
    ["ASVS 6.2.11", "Gatehouse2026!", false],
    ["ASVS 6.2.11", "lovelace1", false]
  ] as const) {
    it.effect(`${id}: ${password.slice(0, 16)} (${password.length}) ${fits ? "may" : "may not"} be chosen`, () =>
      Effect.map(chosen(password), (exit) => assert.strictEqual(Exit.isSuccess(exit), fits))
    )
  }
})
