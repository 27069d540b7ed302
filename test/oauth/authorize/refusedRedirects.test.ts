import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import { RefusedRedirects } from "../../../src/oauth/authorize/RefusedRedirects.ts"

it.effect(
  "of refused redirect URIs the last fifty are kept, the newest first, as long as events, and no more of each than 512 characters",
  () =>
    Effect.gen(function* () {
      const { note, recent } = yield* RefusedRedirects
      yield* Effect.forEach(Array.from({ length: 60 }), (_, index) => note("c".repeat(600), `x:${index}`))
      const before = yield* recent
      yield* note("last", `https://app.example/${"é".repeat(600)}`)
      const kept = yield* recent
      assert.lengthOf(kept, 50)
      assert.deepStrictEqual(
        kept.slice(1).map(({ redirectUri }) => redirectUri),
        Array.from({ length: 49 }, (_, index) => `x:${59 - index}`)
      )
      assert.lengthOf(kept[0]?.redirectUri ?? "", 512)
      assert.lengthOf(kept[1]?.clientId ?? "", 512)
      // What was read is nobody's to change.
      assert.strictEqual(before[0]?.redirectUri, "x:59")
      yield* TestClock.adjust("29 days")
      yield* note("later", "x:later")
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(
        (yield* recent).map(({ redirectUri }) => redirectUri),
        ["x:later"]
      )
    }).pipe(
      Effect.provide(RefusedRedirects.layer.pipe(Layer.provide(ServerConfig.layerOf({ EVENTS_RETENTION_DAYS: "30" }))))
    )
)
