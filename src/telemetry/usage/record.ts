/** Adds what this process has counted to the hours in the database: once a minute, and at the end, in nobody's way. */

import { Effect, Layer, Schedule } from "effect"
import * as Counts from "../counts.ts"
import { type AnyFamily, type Snapshot, snapshotOf, type Value } from "../series.ts"
import { type Kind, type Usage, UsageStore } from "./UsageStore.ts"

const KEPT: ReadonlyArray<readonly [Kind, AnyFamily]> = [
  ["call", Counts.toolCalls],
  ["call_time", Counts.toolDurations],
  ["sign_in", Counts.signIns],
  ["token", Counts.tokensIssued],
  ["refusal", Counts.limitRefused],
  ["refusal", Counts.overloadRefused],
  ["upstream", Counts.upstreamCalls]
]
const FAMILIES = KEPT.map(([, family]) => family)

const NOTHING = { counts: [], sum: 0 }

const moreOf = (now: Value, before: Value | undefined) => {
  if (typeof now === "number") {
    return { count: now - (typeof before === "number" ? before : 0), seconds: 0, buckets: [] }
  }
  const { counts, sum } = typeof before === "object" ? before : NOTHING
  const buckets = now.counts.map((count, at) => count - (counts[at] ?? 0))
  return { count: buckets.reduce((all, more) => all + more, 0), seconds: now.sum - sum, buckets }
}

/** What was counted between two looks. */
export const usageBetween = (before: Snapshot, now: Snapshot): ReadonlyArray<Usage> =>
  KEPT.flatMap(([kind, { described }]) => {
    const known = new Map((before[described.name] ?? []).map(([labels, value]) => [labels.join("\u0000"), value]))
    return (now[described.name] ?? []).flatMap(([labels, value]) => {
      const more = moreOf(value, known.get(labels.join("\u0000")))
      const [name = "", outcome = ""] = labels
      return more.count === 0 ? [] : [{ kind, name, outcome, ...more }]
    })
  })

export const RecordUsage = Layer.effectDiscard(
  Effect.gen(function* () {
    const store = yield* UsageStore
    let before = snapshotOf(FAMILIES)
    const record = Effect.gen(function* () {
      const now = snapshotOf(FAMILIES)
      const usage = usageBetween(before, now)
      if (usage.length > 0) yield* store.add(usage)
      before = now
    }).pipe(
      // They are added with the next; of an answer that was lost, twice.
      Effect.catch((error) => Effect.logDebug("what was counted could not be kept", error))
    )
    yield* Effect.addFinalizer(() => record)
    yield* Effect.forkScoped(Effect.repeat(Effect.delay(record, "1 minute"), Schedule.forever))
  })
)
