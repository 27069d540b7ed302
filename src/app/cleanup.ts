/** Deletes what has expired: a scheduled fiber of the server, and a program of its own (`npm run cleanup:run`). */

import { Clock, Effect, Layer, Record as Rec, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../config/ServerConfig.ts"
import { MaintenanceStore } from "../database/MaintenanceStore.ts"
import { operation, type StoreUnavailable } from "../database/query.ts"
import { makeVaultRows } from "../gateway/vault/vault.sql.ts"
import { ClientRegistry } from "../oauth/clients/ClientRegistry.ts"
import type { Swept } from "../oauth/grants/sweep.sql.ts"
import { TokenStore } from "../oauth/grants/TokenStore.ts"
import { People } from "../people/People.ts"
import type { PeopleSwept } from "../people/sweep.sql.ts"
import { UsageStore } from "../telemetry/usage/UsageStore.ts"

/** Rows of a kind in one transaction: short enough that nobody waits for it. */
const BATCH = 1000

/** Batch after batch until every kind came up short; what was deleted in all, kind by kind. */
const untilShort = <Kind extends string, E, R>(
  sweep: (batch: number) => Effect.Effect<Readonly<Record<Kind, number>>, E, R>,
  batch: number
) =>
  Effect.gen(function* () {
    let total = yield* sweep(batch)
    for (let last = total; Object.values<number>(last).some((count) => count >= batch); ) {
      last = yield* sweep(batch)
      const counts = last
      total = Rec.map(total, (count, kind) => count + counts[kind])
    }
    return total
  })

/** One pass. Logs counts and duration, keeps them for operators, and answers the counts. */
export const cleanUp = Effect.fn("cleanUp")(function* (batch = BATCH) {
  const store = yield* TokenStore
  const registry = yield* ClientRegistry
  const people = yield* People
  const usage = yield* UsageStore
  const signIns = makeVaultRows(yield* SqlClient.SqlClient)
  const started = yield* Clock.currentTimeMillis

  const total = {
    ...(yield* untilShort<keyof Swept, StoreUnavailable, never>(store.sweep, batch)),
    // After the sessions: a client is not used when it has none.
    ...(yield* untilShort((most) => Effect.map(registry.sweep(most), (clients) => ({ clients })), batch)),
    ...(yield* untilShort<keyof PeopleSwept, StoreUnavailable, never>(people.sweep, batch)),
    ...(yield* untilShort((most) => operation(signIns.sweep(most)), batch)),
    ...(yield* untilShort((most) => Effect.map(usage.sweep(most), (usage) => ({ usage })), batch))
  }
  const ms = (yield* Clock.currentTimeMillis) - started
  yield* (yield* MaintenanceStore).record("cleanup", { ...total, ms })
  yield* Effect.logInfo("cleanup").pipe(Effect.annotateLogs({ ...total, ms }))
  return total
})

/** A pass, unless another instance is at one: two would be in each other's way, and do no more than one. */
export const cleanUpAlone = Effect.flatMap(MaintenanceStore, (maintenance) => maintenance.alone("cleanup", cleanUp()))

/** Runs a pass at start and then on schedule, as long as the server lives. A failed pass is logged, and the next runs. */
export const ScheduledCleanup = Layer.effectDiscard(
  Effect.gen(function* () {
    const { cleanup } = yield* ServerConfig
    if (!cleanup.enabled) return
    yield* cleanUpAlone.pipe(
      Effect.catchCause((cause) => Effect.logError("cleanup failed; the next pass will try again", cause)),
      Effect.repeat(Schedule.jittered(Schedule.spaced(`${cleanup.intervalMinutes} minutes`))),
      Effect.forkScoped
    )
  })
)
