import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { AT_ONCE, inTurn, WAITING } from "../../src/people/passwords/argon2id.ts"
import { testApp } from "../support/app.ts"
import { admitted, call, messageOf, obtainTokens, postForm, refresh, revoke } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"

const logIn = postForm("/login", { email: "nobody@people.example", password: "wrong password" })

describe("a flood of sign-ins", () => {
  it.live("holds nobody up but those who sign in: tokens are issued, refreshed, used and revoked meanwhile", () =>
    Effect.gen(function* () {
      const first = yield* obtainTokens()
      const other = yield* obtainTokens()
      // As many hashes as there may be, and as many who wait for one, none of which ever ends by itself.
      const release = yield* Deferred.make<void>()
      const held: Array<Fiber.Fiber<unknown, unknown>> = []
      for (let isFull = false; !isFull; ) {
        const fiber = yield* Effect.forkChild(inTurn(Deferred.await(release)), { startImmediately: true })
        isFull = fiber.pollUnsafe() !== undefined
        if (!isFull) held.push(fiber)
      }
      assert.strictEqual(held.length, AT_ONCE + WAITING)
      const refused = yield* logIn
      assert.strictEqual(refused.status, 503)
      assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/)

      const next = yield* refresh(first.refresh_token)
      assert.strictEqual(next.status, 200)
      const answer = yield* call(next.body.access_token, "calculator", { expression: "6*7" })
      assert.strictEqual(messageOf(answer).result.structuredContent.result, "42")
      assert.isTrue(yield* admitted((yield* obtainTokens()).access_token))
      assert.strictEqual((yield* revoke(other.refresh_token)).status, 200)
      assert.isTrue(held.every((fiber) => fiber.pollUnsafe() === undefined))

      yield* Deferred.succeed(release, undefined)
      yield* Effect.forEach(held, Fiber.join)
      assert.strictEqual((yield* logIn).status, 401)
    }).pipe(Effect.provide(Layer.fresh(testApp(TestDatabase.quick))))
  )
})
