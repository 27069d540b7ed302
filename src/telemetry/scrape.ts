/** What this process has counted, at somebody's question: what is not counted but looked at is looked at then. */

import { monitorEventLoopDelay } from "node:perf_hooks"
import { Effect, Schedule, type Scope } from "effect"
import * as Counts from "./counts.ts"
import { type Snapshot, snapshotOf } from "./series.ts"

/** Whoever is late is not waited for: what they told last stands. */
const LOOKED_WITHIN = "1 second"

const looks = new Set<Effect.Effect<void>>()

/** Looks at something before each answer, for the length of the scope. */
export const atScrape = <R>(look: Effect.Effect<void, never, R>): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.flatMap(Effect.context<R>(), (context) => {
    const ready = Effect.provideContext(look, context)
    return Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => looks.add(ready)),
        () => Effect.sync(() => looks.delete(ready))
      )
    )
  })

const lookAtProcess = () => {
  const { user, system } = process.cpuUsage()
  Counts.cpuSeconds.of().value = (user + system) / 1e6
  Counts.residentMemory.of().value = process.memoryUsage.rss()
  Counts.startTime.of().value = Math.round(performance.timeOrigin / 1000)
  Counts.processes.of().value = 1
}

/** Never waits long, and never fails. */
export const scrape: Effect.Effect<Snapshot> = Effect.gen(function* () {
  yield* Effect.forEach(looks, (look) => Effect.ignore(Effect.timeout(look, LOOKED_WITHIN)), {
    concurrency: "unbounded",
    discard: true
  })
  lookAtProcess()
  return snapshotOf(Counts.FAMILIES)
})

const RESOLUTION_MS = 20

/** Measures how late the event loop is, for the length of the scope. */
export const watchLoop = Effect.gen(function* () {
  const delay = yield* Effect.acquireRelease(
    Effect.sync(() => monitorEventLoopDelay({ resolution: RESOLUTION_MS })),
    (delay) => Effect.sync(() => delay.disable())
  )
  delay.enable()
  const told = Effect.sync(() => {
    // A turn that is on time is as late as it was to be.
    Counts.loopLag.of().value = Math.max(0, delay.percentile(99) / 1e9 - RESOLUTION_MS / 1000)
    delay.reset()
  })
  yield* Effect.forkScoped(Effect.repeat(told, Schedule.spaced("10 seconds")))
})
