/**
 * How often who may ask. Clients such as ChatGPT call from a few shared addresses, so an address is only charged for
 * failures, and what succeeds is never refused, however many of its neighbours failed. A page for people is charged per
 * address, a client for all that it does. An IPv6 address stands for its network.
 *
 * Guesses stay bounded: what is guessed at has 256 bits or more, and is judged by a MAC or one digest; the secret that a
 * person chose is slow to check, one at a time. Beyond its allowance a guesser is told no reason any more.
 */

import { Context, Effect, Layer } from "effect"
import type { HttpServerRequest } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { StoreUnavailable } from "../database/query.ts"
import type { PayloadTooLarge } from "../web/body.ts"
import { callerAddress, networkOf } from "../web/clientAddress.ts"
import { type Allowance, Limiter, type TooMany } from "../web/Limiter.ts"
import { SlowDown } from "./errors.ts"
import type { EndpointError } from "./respond.ts"

/** From all addresses together: more is no growth, but a flood. */
const REGISTRATIONS_PER_HOUR = 5000

type Failure = EndpointError | PayloadTooLarge | StoreUnavailable
type Asked = ServerConfig | HttpServerRequest.HttpServerRequest

export class RateLimits extends Context.Service<
  RateLimits,
  {
    /** Charges the caller's address for a page of the authorization endpoint. */
    readonly authorize: Effect.Effect<void, SlowDown, Asked>
    /** Charges the caller's address, and everybody, for a registration. */
    readonly registration: Effect.Effect<void, SlowDown, Asked>
    /** Charges an authenticated client for a request. */
    readonly client: (clientId: string) => Effect.Effect<void, SlowDown>
    /** Charges the caller's address for a failure of `handler`; once there were too many, that is all it is told. */
    readonly failures: <A, E extends Failure, R>(
      handler: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | SlowDown, R | Asked>
  }
>()("gatehouse/oauth/RateLimits") {
  static readonly layer = Layer.effect(
    RateLimits,
    Effect.gen(function* () {
      const { rateLimit } = yield* ServerConfig
      if (rateLimit === undefined) {
        return RateLimits.of({
          authorize: Effect.void,
          registration: Effect.void,
          client: () => Effect.void,
          failures: (handler) => handler
        })
      }
      const limiter = yield* Limiter
      const slowly = Effect.mapError(
        ({ retryAfterSeconds }: TooMany) => new SlowDown({ description: "too many requests", retryAfterSeconds })
      )
      const charge = (kind: string, key: string, allowance: Allowance) => slowly(limiter.take(kind, key, allowance))
      const failures = { limit: rateLimit.failuresPerMinute }

      return RateLimits.of({
        authorize: Effect.flatMap(callerAddress, (address) =>
          charge("authorize", networkOf(address), { limit: rateLimit.authorizePerMinute })
        ),
        registration: Effect.flatMap(callerAddress, (address) =>
          Effect.andThen(
            charge("registration", networkOf(address, "site"), {
              limit: rateLimit.registrationsPerHour,
              window: "1 hour"
            }),
            charge("registrations", "all", { limit: REGISTRATIONS_PER_HOUR, window: "1 hour" })
          )
        ),
        client: (clientId) => charge("client", clientId, { limit: rateLimit.clientPerMinute }),
        failures: (handler) =>
          Effect.tapError(handler, (error: Failure) =>
            error._tag === "StoreUnavailable" || error._tag === "slow_down"
              ? Effect.void
              : Effect.flatMap(callerAddress, (address) => charge("failures", networkOf(address), failures))
          )
      })
    })
  ).pipe(Layer.provide(Limiter.layer))
}
