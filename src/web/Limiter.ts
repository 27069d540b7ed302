/**
 * Counting who did what how often: in this process's memory, where a restart forgets it and several instances count apart, or
 * together with the other instances (`redis.ts`). While those cannot be asked, this process counts for itself: a limit that is
 * too wide for a while is better than a server that turns everybody away, or one that lets everybody guess.
 */

import { createHash, randomBytes } from "node:crypto"
import { Clock, Context, Duration, Effect, Layer, Schema } from "effect"
import * as RateLimiter from "effect/persistence/RateLimiter"
import { limitRefused } from "../telemetry/counts.ts"
import { putNewest } from "./newest.ts"

/** The store keeps a counter per key for ever, so keys are folded into this many. */
const BUCKETS = 65_536
/** Of how many keys it is kept what they did. */
const NOTED = 10_000

/** All that a key may have in this window is taken. */
export class TooMany extends Schema.TaggedError<TooMany>()("TooMany", { retryAfterSeconds: Schema.Number }) {}

/** What is counted together cannot be counted now. */
export class CountsAway extends Schema.TaggedError<CountsAway>()("CountsAway", {}) {}

/** So many in a window, which is a minute unless it is said. */
export interface Allowance {
  readonly limit: number
  readonly window?: Duration.Input
}

export interface Counting<E> {
  /** Takes one of what `key` may have of a kind. */
  readonly take: (kind: string, key: string, allowance: Allowance) => Effect.Effect<void, TooMany | E>
  /** Something happened to `key` once more. All of it is forgotten when nothing has happened for so long. */
  readonly note: (kind: string, key: string, forgotten: Duration.Input) => Effect.Effect<void, E>
  /** How often it has. */
  readonly noted: (kind: string, key: string) => Effect.Effect<number, E>
}

/** What several instances count together, and how that goes. */
export interface CountedTogether extends Counting<CountsAway> {
  /** Whether it can be asked now. */
  readonly isThere: () => boolean
  /** What this process has counted for itself meanwhile, since it was started. */
  readonly countedHere: () => number
}

/** Where instances count together; nowhere unless it is said. */
export class SharedCounts extends Context.Reference<CountedTogether | undefined>("gatehouse/web/SharedCounts", {
  defaultValue: () => undefined
}) {}

/** Takes one of what stands under a name, which is of a kind. */
export const takeFrom = (
  limiter: RateLimiter.RateLimiter,
  kind: string,
  name: string,
  { limit, window = "1 minute" }: Allowance
): Effect.Effect<void, TooMany | RateLimiter.RateLimitStoreError> =>
  limiter.consume({ key: name, limit, window }).pipe(
    Effect.mapError(({ reason }) => {
      if (reason._tag !== "RateLimitExceeded") return reason
      limitRefused.of(kind).value++
      return new TooMany({ retryAfterSeconds: Math.max(1, Math.ceil(Duration.toSeconds(reason.retryAfter))) })
    }),
    Effect.asVoid
  )

const inMemory = Effect.gen(function* () {
  const limiter = yield* RateLimiter.RateLimiter
  // Salted, so that nobody can pick an address that shares a bucket with somebody else's.
  const salt = randomBytes(16)
  const bucketOf = (kind: string, key: string) =>
    `${kind}:${createHash("sha256").update(salt).update(key).digest().readUInt32BE() % BUCKETS}`
  const all = new Map<string, { readonly count: number; readonly until: number }>()
  const countOf = (name: string, now: number) => {
    const known = all.get(name)
    return known === undefined || known.until < now ? 0 : known.count
  }
  const counting: Counting<never> = {
    take: (kind, key, allowance) =>
      // Memory does not fail.
      Effect.catchTag(takeFrom(limiter, kind, bucketOf(kind, key), allowance), "RateLimitStoreError", Effect.die),
    note: Effect.fnUntraced(function* (kind, key, forgotten) {
      const now = yield* Clock.currentTimeMillis
      const name = `${kind}:${key}`
      const until = now + Duration.toMillis(Duration.fromInputUnsafe(forgotten))
      putNewest(all, NOTED, name, { count: countOf(name, now) + 1, until })
    }),
    noted: (kind, key) => Effect.map(Clock.currentTimeMillis, (now) => countOf(`${kind}:${key}`, now))
  }
  return counting
}).pipe(Effect.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))))

export class Limiter extends Context.Service<Limiter, Counting<never>>()("gatehouse/web/Limiter") {
  static readonly layer = Layer.effect(
    Limiter,
    Effect.gen(function* () {
      const here = yield* inMemory
      const together = yield* SharedCounts
      if (together === undefined) return here
      return Limiter.of({
        take: (kind, key, allowance) =>
          Effect.catchTag(together.take(kind, key, allowance), "CountsAway", () => here.take(kind, key, allowance)),
        note: (kind, key, forgotten) =>
          Effect.catchTag(together.note(kind, key, forgotten), "CountsAway", () => here.note(kind, key, forgotten)),
        noted: (kind, key) => Effect.catchTag(together.noted(kind, key), "CountsAway", () => here.noted(kind, key))
      })
    })
  )
}
