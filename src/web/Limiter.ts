/** Counting in this process's memory: a restart forgets it, and several instances count apart. */

import { createHash, randomBytes } from "node:crypto"
import { Context, Duration, Effect, Layer, Schema } from "effect"
import { RateLimiter } from "effect/persistence"

/** The store keeps a counter per key for ever, so keys are folded into this many. */
const BUCKETS = 65_536

/** All that a key may have in this window is taken. */
export class TooMany extends Schema.TaggedError<TooMany>()("TooMany", { retryAfterSeconds: Schema.Number }) {}

/** So many in a window, which is a minute unless it is said. */
export interface Allowance {
  readonly limit: number
  readonly window?: Duration.Input
}

export class Limiter extends Context.Service<
  Limiter,
  {
    /** Takes one of what `key` may have of a kind. */
    readonly take: (kind: string, key: string, allowance: Allowance) => Effect.Effect<void, TooMany>
  }
>()("gatehouse/web/Limiter") {
  static readonly layer = Layer.effect(
    Limiter,
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.RateLimiter
      // Salted, so that nobody can pick an address that shares a bucket with somebody else's.
      const salt = randomBytes(16)
      const bucketOf = (key: string) =>
        String(createHash("sha256").update(salt).update(key).digest().readUInt32BE() % BUCKETS)

      return Limiter.of({
        take: (kind, key, { limit, window = "1 minute" }) =>
          limiter.consume({ key: `${kind}:${bucketOf(key)}`, limit, window }).pipe(
            Effect.mapError(({ reason }) => {
              const wait = reason._tag === "RateLimitExceeded" ? reason.retryAfter : Duration.fromInputUnsafe(window)
              return new TooMany({ retryAfterSeconds: Math.max(1, Math.ceil(Duration.toSeconds(wait))) })
            }),
            Effect.asVoid
          )
      })
    })
  ).pipe(Layer.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))))
}
