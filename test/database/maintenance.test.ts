import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { MaintenanceStore } from "../../src/database/MaintenanceStore.ts"
import { onBothDatabases } from "../support/postgres.ts"

onBothDatabases((name, database) => {
  const claims = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`select task from mcp.maintenance_claims`)
  /** Moves the end of all claims into the past: their holders were killed. */
  const lapse = Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql`update mcp.maintenance_claims set expires_at = clock_timestamp() - interval '1 second'`
  )
  /** A task that is at work until it is let go. */
  const atWork = Effect.gen(function* () {
    const { alone } = yield* MaintenanceStore
    const begun = yield* Deferred.make<void>()
    const go = yield* Deferred.make<void>()
    const task = Deferred.succeed(begun, undefined).pipe(Effect.andThen(Deferred.await(go)), Effect.as("done"))
    const fiber = yield* Effect.forkChild(alone("cleanup", task))
    yield* Deferred.await(begun)
    return { fiber, finish: Deferred.succeed(go, undefined) }
  })
  const once = Effect.flatMap(MaintenanceStore, ({ alone }) => alone("cleanup", Effect.succeed("mine")))

  it.layer(MaintenanceStore.layer.pipe(Layer.provideMerge(database)), { timeout: "60 seconds" })(
    `maintenance on ${name}`,
    (it) => {
      it.effect("OP2 a task is one instance's at a time, and anybody's when it has ended, well or not", () =>
        Effect.gen(function* () {
          const { alone } = yield* MaintenanceStore
          const { fiber, finish } = yield* atWork
          assert.deepStrictEqual(yield* once, Option.none())
          assert.deepStrictEqual(yield* alone("another task", Effect.succeed(1)), Option.some(1))
          yield* finish
          assert.deepStrictEqual(yield* Fiber.join(fiber), Option.some("done"))
          assert.deepStrictEqual(yield* once, Option.some("mine"))

          assert.isTrue(Exit.isFailure(yield* Effect.exit(alone("cleanup", Effect.fail("it failed")))))
          const interrupted = yield* atWork
          yield* Fiber.interrupt(interrupted.fiber)
          assert.deepStrictEqual(yield* once, Option.some("mine"))
          assert.deepStrictEqual(yield* claims, [])
        })
      )

      it.effect(
        "OP2 what a killed instance held is free after a while; whoever is late does not release what is another's",
        () =>
          Effect.gen(function* () {
            const killed = yield* atWork
            yield* lapse
            const next = yield* atWork
            yield* killed.finish
            yield* Fiber.join(killed.fiber)
            assert.deepStrictEqual(yield* once, Option.none())
            yield* next.finish
            yield* Fiber.join(next.fiber)
            assert.deepStrictEqual(yield* once, Option.some("mine"))
          })
      )

      it.effect("OP2 a claim is renewed for as long as its task runs", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const { fiber, finish } = yield* atWork
          yield* lapse
          yield* TestClock.adjust("21 seconds")
          const renewed = sql`select 1 from mcp.maintenance_claims where expires_at > clock_timestamp()`
          yield* Effect.repeat(renewed, { until: (rows) => rows.length > 0 })
          assert.deepStrictEqual(yield* once, Option.none())
          yield* finish
          yield* Fiber.join(fiber)
        })
      )
    }
  )
})
