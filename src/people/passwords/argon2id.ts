/**
 * How passwords are kept: argon2id as OWASP asks for it, written as a PHC string, on Node's own implementation. A hash takes
 * 19 MiB and a thread that everything else shares, so few run at a time and twenty wait; more is nobody's to wait for.
 */

import { argon2, randomBytes, timingSafeEqual } from "node:crypto"
import { availableParallelism } from "node:os"
import { Effect, Redacted, Schema, Semaphore } from "effect"

/** OWASP Password Storage Cheat Sheet: m = 19 MiB, t = 2, p = 1. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 } as const
const [SALT_BYTES, TAG_BYTES] = [16, 32] as const
/** Where there are but two cores, two would leave the event loop half of one. */
export const AT_ONCE = availableParallelism() > 2 ? 2 : 1
export const WAITING = 20

/** Too many are waiting for a hash already: 503, since it says nothing of the password. */
export class Busy extends Schema.TaggedError<Busy>()("Busy", {}) {}

interface Hash {
  readonly memory: number
  readonly passes: number
  readonly parallelism: number
  readonly salt: Uint8Array
  readonly tag: Uint8Array
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64").replace(/=+$/, "")

/** `$argon2id$v=19$m=19456,t=2,p=1$salt$tag`, as the PHC string format has it. */
export const format = ({ memory, passes, parallelism, salt, tag }: Hash): string =>
  `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{16,128})$/

/** Nothing for a string that we did not write. */
export const parse = (phc: string): Hash | undefined => {
  const [, memory, passes, parallelism, salt, tag] = PHC.exec(phc) ?? []
  if (salt === undefined || tag === undefined) return undefined
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, "base64"),
    tag: Buffer.from(tag, "base64")
  }
}

/** Whoever hangs up does not free the thread, so they do not free the lane either. */
const tagOf = (password: Redacted.Redacted, { memory, passes, parallelism, salt, tag }: Hash) =>
  Effect.uninterruptible(
    Effect.callback<Buffer>((resume) => {
      const parameters = {
        message: Redacted.value(password),
        nonce: salt,
        memory,
        passes,
        parallelism,
        tagLength: tag.length
      }
      argon2("argon2id", parameters, (error, bytes) =>
        resume(error === null ? Effect.succeed(bytes) : Effect.die(error))
      )
    })
  )

const lane = Semaphore.makeUnsafe(AT_ONCE)
let under = 0

/** Runs `work` when its turn comes, if it ever will. */
export const inTurn = <A>(work: Effect.Effect<A>): Effect.Effect<A, Busy> =>
  Effect.acquireUseRelease(
    Effect.suspend(() => {
      if (under >= AT_ONCE + WAITING) return Effect.fail(new Busy())
      under++
      return Effect.void
    }),
    () => lane.withPermits(1)(work),
    () =>
      Effect.sync(() => {
        under--
      })
  )

/** A PHC string of a new password. */
export const hash = (password: Redacted.Redacted): Effect.Effect<Redacted.Redacted, Busy> =>
  Effect.suspend(() => {
    const fresh = { ...COST, salt: randomBytes(SALT_BYTES), tag: Buffer.alloc(TAG_BYTES) }
    return inTurn(Effect.map(tagOf(password, fresh), (tag) => Redacted.make(format({ ...fresh, tag }))))
  })

/** What is compared with where there is nothing to compare with: the same work for a name that nobody has (ASVS 6.3.8). */
const NOBODY: Hash = { ...COST, salt: randomBytes(SALT_BYTES), tag: randomBytes(TAG_BYTES) }

/** Whether the password is the one; without a stored one it takes as long to find that it is not. */
export const verify = (
  password: Redacted.Redacted,
  stored: Redacted.Redacted | undefined
): Effect.Effect<boolean, Busy> => {
  const known = stored && parse(Redacted.value(stored))
  const against = known ?? NOBODY
  return inTurn(Effect.map(tagOf(password, against), (tag) => timingSafeEqual(tag, against.tag) && known !== undefined))
}

/** Whether a stored one was made when less was thought enough. */
export const isWeak = (stored: Redacted.Redacted): boolean => {
  const known = parse(Redacted.value(stored))
  return (
    known !== undefined && (known.memory < COST.memory || known.passes < COST.passes || known.tag.length < TAG_BYTES)
  )
}
