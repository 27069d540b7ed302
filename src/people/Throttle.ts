/**
 * How often somebody may try to sign in (ASVS 6.3.1). Nobody is ever locked out by what others try: an address has so many
 * tries, for each name and in all, and a name that many try takes longer from browsers that never signed in with it. A
 * browser that has is counted by itself. Names that nobody has are treated like all others.
 */

import { randomBytes } from "node:crypto"
import { Context, Duration, Effect, Layer } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import { SlowDown } from "../oauth/errors.ts"
import { isMarkOf, markOf } from "../oauth/tokens/mark.ts"
import { ServerKeys } from "../oauth/tokens/ServerKeys.ts"
import { networkOf } from "../web/clientAddress.ts"
import { type Allowance, Limiter } from "../web/Limiter.ts"

/** Five at once, and one every half minute in the long run. */
const OF_A_NAME: Allowance = { limit: 5, window: "150 seconds" }
const OF_AN_ADDRESS: Allowance = { limit: 30, window: "10 minutes" }
/** Other things that are guessed at: recovery codes, and links. */
const OF_CODES: Allowance = { limit: 20, window: "10 minutes" }
/** Accounts that are made, or would be: this bounds both how many there can be, and how many addresses are asked after. */
const OF_SIGN_UPS: Allowance = { limit: 5, window: "1 hour" }

/** For how long failures of a name are remembered, and how many are free. */
const [MEMORY, FREE] = ["15 minutes", 3] as const
const LONGEST_MS = 5000

/** What a name that failed so often takes longer, in milliseconds. */
export const delayOf = (failures: number): number =>
  failures < FREE ? 0 : Math.min(LONGEST_MS, 250 * 2 ** Math.min(failures - FREE, 10))

const KNOWN_MARK = "known"
const FAILED = "sign-in failed"

/** Somebody who tries: the name they typed, from where, and the mark that their browser has of earlier, if any. */
export interface Try {
  readonly name: string
  /** Whose name it is, if it is anybody's. */
  readonly personId: string | undefined
  readonly address: string
  readonly mark: string | undefined
}

export class Throttle extends Context.Service<
  Throttle,
  {
    /** Waits as long as the name takes; fails when the address, or the browser, has tried too often. */
    readonly admit: (attempt: Try) => Effect.Effect<void, SlowDown>
    /** The attempt failed. */
    readonly failed: (attempt: Try) => Effect.Effect<void>
    /** Charges an address for a code that it tries. */
    readonly code: (address: string) => Effect.Effect<void, SlowDown>
    /** Charges an address for an account that it would make. */
    readonly signUp: (address: string) => Effect.Effect<void, SlowDown>
    /** Charges an address for a sign-in that it begins at an upstream provider: each is a row, and a question to it. */
    readonly upstream: (address: string) => Effect.Effect<void, SlowDown>
    /** What the browser of a person who signed in keeps, to be known by. */
    readonly markFor: (personId: string) => string
  }
>()("gatehouse/people/Throttle") {
  static readonly layer = Layer.effect(
    Throttle,
    Effect.gen(function* () {
      const { rateLimit } = yield* ServerConfig
      const limiter = yield* Limiter
      const keys = yield* ServerKeys

      const charge = (kind: string, key: string, allowance: Allowance) =>
        rateLimit === undefined
          ? Effect.void
          : Effect.mapError(
              limiter.take(kind, key, allowance),
              ({ retryAfterSeconds }) => new SlowDown({ description: "too many tries", retryAfterSeconds })
            )

      /** The random part of a mark that we gave a browser of this very person. */
      const browserOf = ({ mark, personId }: Try): string | undefined => {
        const [id = "", ...signature] = mark?.split(":") ?? []
        return personId !== undefined && isMarkOf(keys, signature.join(":"), KNOWN_MARK, personId, id) ? id : undefined
      }

      const nameOf = ({ name }: Try) => name.toLowerCase().slice(0, 254)

      return Throttle.of({
        admit: Effect.fn("Throttle.admit")(function* (attempt) {
          const browser = browserOf(attempt)
          if (browser !== undefined) return yield* charge("sign-in browser", browser, OF_AN_ADDRESS)
          const network = networkOf(attempt.address)
          yield* charge("sign-in address", network, OF_AN_ADDRESS)
          yield* charge("sign-in name", `${network} ${nameOf(attempt)}`, OF_A_NAME)
          const delay = delayOf(yield* limiter.noted(FAILED, nameOf(attempt)))
          if (rateLimit !== undefined && delay > 0) yield* Effect.sleep(Duration.millis(delay))
        }),
        failed: (attempt) => limiter.note(FAILED, nameOf(attempt), MEMORY),
        code: (address) => charge("sign-in code", networkOf(address), OF_CODES),
        signUp: (address) => charge("sign-up", networkOf(address), OF_SIGN_UPS),
        upstream: (address) => charge("sign-in upstream", networkOf(address), OF_AN_ADDRESS),
        markFor: (personId) => {
          const id = randomBytes(16).toString("base64url")
          return `${id}:${markOf(keys, KNOWN_MARK, personId, id)}`
        }
      })
    })
  ).pipe(Layer.provide(Limiter.layer))
}
