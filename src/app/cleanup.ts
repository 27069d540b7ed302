/** Deletes what has expired: a scheduled fiber of the server, and a program of its own (`npm run cleanup:run`). */

import { Clock, Effect, Layer, Schedule } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import { ClientRegistry } from "../oauth/clients/ClientRegistry.ts"
import type { Swept } from "../oauth/grants/sweep.sql.ts"
import { TokenStore } from "../oauth/grants/TokenStore.ts"

/** Rows of a kind in one transaction: short enough that nobody waits for it. */
const BATCH = 1000

const add = (left: Swept, right: Swept): Swept => ({
  authorizationCodes: left.authorizationCodes + right.authorizationCodes,
  decisions: left.decisions + right.decisions,
  accessTokens: left.accessTokens + right.accessTokens,
  refreshTokens: left.refreshTokens + right.refreshTokens,
  sessions: left.sessions + right.sessions
})

/** One pass: batch after batch until every kind came up short. Logs counts and duration, and answers the counts. */
export const cleanUp = Effect.fn("cleanUp")(function* (batch = BATCH) {
  const store = yield* TokenStore
  const registry = yield* ClientRegistry
  const started = yield* Clock.currentTimeMillis

  let swept = yield* store.sweep(batch)
  for (let last = swept; Object.values(last).some((count) => count >= batch); swept = add(swept, last)) {
    last = yield* store.sweep(batch)
  }
  // After the sessions: a client is not used when it has none.
  let clients = yield* registry.sweep(batch)
  for (let last = clients; last >= batch; clients += last) last = yield* registry.sweep(batch)

  const total = { ...swept, clients }
  const ms = (yield* Clock.currentTimeMillis) - started
  yield* Effect.logInfo("cleanup").pipe(Effect.annotateLogs({ ...total, ms }))
  return total
})

/** Runs a pass at start and then on schedule, as long as the server lives. A failed pass is logged, and the next runs. */
export const ScheduledCleanup = Layer.effectDiscard(
  Effect.gen(function* () {
    const { cleanup } = yield* ServerConfig
    if (!cleanup.enabled) return
    yield* cleanUp().pipe(
      Effect.catchCause((cause) => Effect.logError("cleanup failed; the next pass will try again", cause)),
      Effect.repeat(Schedule.jittered(Schedule.spaced(`${cleanup.intervalMinutes} minutes`))),
      Effect.forkScoped
    )
  })
)
