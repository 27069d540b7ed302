import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { ScheduledCleanup } from "../../src/app/cleanup.ts"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { MaintenanceStore } from "../../src/database/MaintenanceStore.ts"
import { StoreUnavailable } from "../../src/database/query.ts"
import { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import { TokenStore } from "../../src/oauth/grants/TokenStore.ts"
import { People } from "../../src/people/People.ts"
import { UsageStore } from "../../src/telemetry/usage/UsageStore.ts"

const NOTHING = { authorizationCodes: 0, decisions: 0, redemptions: 0, accessTokens: 0, refreshTokens: 0, sessions: 0 }

/** A store that counts the passes; what `outcome` says happens to each. */
const passes = (variables: Readonly<Record<string, string>>, outcome: (pass: number) => "swept" | "failed" | "died") =>
  Effect.gen(function* () {
    let count = 0
    const store = Layer.mock(TokenStore, {
      sweep: () =>
        Effect.suspend(() => {
          count++
          const what = outcome(count)
          if (what === "died") return Effect.die(new Error("a defect"))
          return what === "failed" ? new StoreUnavailable({ cause: "gone" }) : Effect.succeed(NOTHING)
        })
    })
    const registry = Layer.mock(ClientRegistry, { sweep: () => Effect.succeed(0) })
    const people = Layer.mock(People, {
      sweep: () => Effect.succeed({ browserSessions: 0, ceremonies: 0, links: 0, events: 0 })
    })
    const usage = Layer.mock(UsageStore, { sweep: () => Effect.succeed(0) })
    // A database in which there is nothing to delete: of the client only that it is asked.
    const sql = Layer.succeed(SqlClient.SqlClient, (() => Effect.succeed([{ count: 0 }])) as never)
    const maintenance = Layer.mock(MaintenanceStore, {
      alone: (_, run) => Effect.asSome(run),
      record: () => Effect.void
    })
    yield* Layer.build(
      ScheduledCleanup.pipe(
        Layer.provide(Layer.mergeAll(store, registry, people, usage, maintenance, sql)),
        Layer.provide(Logging),
        Layer.provide(ServerConfig.layerOf({ LOG_LEVEL: "none", ...variables }))
      )
    )
    return {
      passesAfter: Effect.fn("passesAfter")(function* (minutes: number) {
        yield* TestClock.adjust(`${minutes} minutes`)
        return count
      })
    }
  })

describe("scheduled cleanup", () => {
  it.effect("runs at start and then about every interval, whatever became of the last pass", () =>
    Effect.gen(function* () {
      const outcomes = ["failed", "died", "swept"] as const
      const { passesAfter } = yield* passes({ CLEANUP_INTERVAL_MINUTES: "10" }, (pass) => outcomes[pass - 1] ?? "swept")
      assert.strictEqual(yield* passesAfter(0), 1)
      assert.strictEqual(yield* passesAfter(7), 1)
      const hour = yield* passesAfter(120)
      // Jitter is a fifth of the interval either way.
      assert.isAtLeast(hour, 10)
      assert.isAtMost(hour, 17)
    }).pipe(Effect.scoped)
  )

  it.effect("does not run when it is switched off", () =>
    Effect.gen(function* () {
      const { passesAfter } = yield* passes({ ENABLE_CLEANUP_JOB: "false" }, () => "swept")
      assert.strictEqual(yield* passesAfter(600), 0)
    }).pipe(Effect.scoped)
  )
})
