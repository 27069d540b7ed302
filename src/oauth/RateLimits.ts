/**
 * Limits in this process's memory; a restart forgets them, several instances count apart.
 *
 * Clients such as ChatGPT call from a few shared addresses, so an address is only charged for failures: nobody is
 * slowed down for what succeeds. A page for people is charged per address, a client for all that it does.
 */

import { createHash, randomBytes } from "node:crypto"
import { Context, Duration, Effect, Layer } from "effect"
import { RateLimiter } from "effect/persistence"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { PayloadTooLarge } from "../web/body.ts"
import { SlowDown, type StoreUnavailable } from "./errors.ts"
import type { EndpointError } from "./respond.ts"

/** The in-memory store keeps a counter per key for ever, so keys are folded into this many. */
const BUCKETS = 65_536

/** From all addresses together: more is no growth, but a flood. */
const REGISTRATIONS_PER_HOUR = 5000

type Failure = EndpointError | PayloadTooLarge | StoreUnavailable

export class RateLimits extends Context.Service<
  RateLimits,
  {
    /** Charges an address for a page of the authorization endpoint. */
    readonly authorize: (address: string) => Effect.Effect<void, SlowDown>
    /** Charges an authenticated client for a request. */
    readonly client: (clientId: string) => Effect.Effect<void, SlowDown>
    /** Charges an address, and everybody, for a registration. */
    readonly registration: (address: string) => Effect.Effect<void, SlowDown>
    /** Charges an address for a failure of `handler`, and refuses to run it once too many have failed. */
    readonly failures: <A, R>(address: string, handler: Effect.Effect<A, Failure, R>) => Effect.Effect<A, Failure, R>
  }
>()("gatehouse/http/RateLimits") {
  static readonly layer = Layer.effect(
    RateLimits,
    Effect.gen(function* () {
      const { rateLimit } = yield* ServerConfig
      if (rateLimit === undefined) {
        return RateLimits.of({
          authorize: () => Effect.void,
          client: () => Effect.void,
          registration: () => Effect.void,
          failures: (_address, handler) => handler
        })
      }
      const limiter = yield* RateLimiter.RateLimiter
      // Salted, so that nobody can pick an address that shares a bucket with somebody else's.
      const salt = randomBytes(16)
      const bucketOf = (key: string) =>
        String(createHash("sha256").update(salt).update(key).digest().readUInt32BE() % BUCKETS)

      const slowDown = (retryAfter: Duration.Duration) =>
        new SlowDown({
          description: "too many requests",
          retryAfterSeconds: Math.max(1, Math.ceil(Duration.toSeconds(retryAfter)))
        })
      const consume = (kind: string, key: string, limit: number, tokens: number, window: Duration.Input = "1 minute") =>
        limiter
          .consume({ key: `${kind}:${bucketOf(key)}`, limit, window, tokens })
          .pipe(
            Effect.mapError(({ reason }) =>
              slowDown(reason._tag === "RateLimitExceeded" ? reason.retryAfter : Duration.fromInputUnsafe(window))
            )
          )
      const charge = (kind: string, key: string, limit: number) => Effect.asVoid(consume(kind, key, limit, 1))

      return RateLimits.of({
        authorize: (address) => charge("authorize", address, rateLimit.authorizePerMinute),
        registration: (address) =>
          Effect.asVoid(
            Effect.andThen(
              consume("registration", address, rateLimit.registrationsPerHour, 1, "1 hour"),
              consume("registrations", "all", REGISTRATIONS_PER_HOUR, 1, "1 hour")
            )
          ),
        client: (clientId) => charge("client", clientId, rateLimit.clientPerMinute),
        failures: (address, handler) =>
          // Taking nothing tells how much is left.
          consume("failures", address, rateLimit.failuresPerMinute, 0).pipe(
            Effect.flatMap(({ remaining, resetAfter }) =>
              remaining > 0 ? handler : Effect.fail(slowDown(resetAfter))
            ),
            Effect.tapError((error) =>
              error._tag === "StoreUnavailable" || error._tag === "slow_down"
                ? Effect.void
                : Effect.ignore(charge("failures", address, rateLimit.failuresPerMinute))
            )
          )
      })
    })
  ).pipe(Layer.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))))
}
