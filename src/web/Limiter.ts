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
    /** Fails when nothing is left, and takes nothing. */
    readonly look: (kind: string, key: string, allowance: Allowance) => Effect.Effect<void, TooMany>
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

      const tooMany = (retryAfter: Duration.Duration) =>
        new TooMany({ retryAfterSeconds: Math.max(1, Math.ceil(Duration.toSeconds(retryAfter))) })

      const consume = (kind: string, key: string, { limit, window = "1 minute" }: Allowance, tokens: number) =>
        limiter
          .consume({ key: `${kind}:${bucketOf(key)}`, limit, window, tokens })
          .pipe(
            Effect.mapError(({ reason }) =>
              tooMany(reason._tag === "RateLimitExceeded" ? reason.retryAfter : Duration.fromInputUnsafe(window))
            )
          )

      return Limiter.of({
        take: (kind, key, allowance) => Effect.asVoid(consume(kind, key, allowance, 1)),
        look: (kind, key, allowance) =>
          // Taking nothing tells how much is left.
          Effect.flatMap(consume(kind, key, allowance, 0), ({ remaining, resetAfter }) =>
            remaining > 0 ? Effect.void : Effect.fail(tooMany(resetAfter))
          )
      })
    })
  ).pipe(Layer.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))))
}
