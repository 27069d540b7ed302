/**
 * The slow hash of secrets that people chose: one at a time, a few waiting for each caller, and none twice for a client
 * that keeps coming back.
 */

import { createHmac, randomBytes, scrypt } from "node:crypto"
import { Clock, Effect, Redacted, Semaphore } from "effect"
import { putNewest } from "../../web/newest.ts"
import { SlowDown } from "../errors.ts"

// OWASP Password Storage Cheat Sheet: N=2^16, r=8, p=2 needs 64 MiB and about 0.2 s.
const SCRYPT = { N: 2 ** 16, r: 8, p: 2 } as const
/** How a hash that is made now is called where it is stored. */
export const SCRYPT_NAME = `scrypt:${SCRYPT.N}:${SCRYPT.r}:${SCRYPT.p}`

/** How many may wait: for one address, so that a flood waits for itself, and in all, so that nobody waits for long. */
const WAITING_EACH = 8
const WAITING_ALL = 40
/** A secret that was right a moment ago is right now; the next hour's refresh pays again. */
const KNOWN_MS = 15 * 60_000
const KNOWN = 1000

export interface SlowHash {
  readonly hash: Uint8Array
  readonly salt: Uint8Array
  readonly kdf: string
}

// One at a time: scrypt runs on the thread pool that everything else shares.
const lane = Semaphore.makeUnsafe(1)

// Whoever hangs up does not free the thread, so they do not free the lane either.
const run = (secret: Redacted.Redacted, salt: Uint8Array, kdf: string): Effect.Effect<Buffer> => {
  const [, N, r, p] = kdf.split(":").map(Number)
  const cost = { N: N ?? SCRYPT.N, r: r ?? SCRYPT.r, p: p ?? SCRYPT.p, maxmem: 256 * 2 ** 20 }
  return Effect.uninterruptible(
    Effect.callback((resume) => {
      scrypt(Redacted.value(secret), salt, 32, cost, (error, key) =>
        resume(error === null ? Effect.succeed(key) : Effect.die(error))
      )
    })
  )
}

/** The hash, once its turn has come. */
export const derive = (secret: Redacted.Redacted, salt: Uint8Array, kdf: string): Effect.Effect<Buffer> =>
  lane.withPermits(1)(run(secret, salt, kdf))

// --- What was right a moment ago ----------------------------------------------------------------------------------
// By a mark that a copy of the database does not help to make: it needs the key of this process, and the stored hash is
// part of it, so another secret for the client is another mark.

const known = new Map<string, number>()
const key = randomBytes(32)

const markOf = (secret: Redacted.Redacted, { hash, salt }: SlowHash) =>
  createHmac("sha256", key).update(hash).update(salt).update(Redacted.value(secret)).digest("base64")

const remember = (mark: string, now: number) => putNewest(known, KNOWN, mark, now + KNOWN_MS)

/** Whether this secret was found to be right a moment ago. */
export const isKnown = Effect.fnUntraced(function* (secret: Redacted.Redacted, stored: SlowHash) {
  return (known.get(markOf(secret, stored)) ?? 0) > (yield* Clock.currentTimeMillis)
})

/** Whether `isRight` says so of the hash, once its turn has come; then it is known for a while. */
export const matches = (secret: Redacted.Redacted, stored: SlowHash, isRight: (hash: Uint8Array) => boolean) =>
  Effect.gen(function* () {
    // Somebody before us in the lane may have brought the same.
    if (yield* isKnown(secret, stored)) return true
    const right = isRight(yield* run(secret, stored.salt, stored.kdf))
    if (right) remember(markOf(secret, stored), yield* Clock.currentTimeMillis)
    return right
  }).pipe(lane.withPermits(1))

// --- Who may wait -------------------------------------------------------------------------------------------------

const waiting = new Map<string, number>()
let all = 0

const count = (asker: string, change: 1 | -1) => {
  const mine = (waiting.get(asker) ?? 0) + change
  all += change
  if (mine === 0) waiting.delete(asker)
  else waiting.set(asker, mine)
}

const busy = new SlowDown({ description: "too many requests", retryAfterSeconds: 5 })

/** Runs `work` if `asker` has not too many of its kind under way. */
export const inTurn = <A, E, R>(asker: string, work: Effect.Effect<A, E, R>): Effect.Effect<A, E | SlowDown, R> =>
  Effect.acquireUseRelease(
    Effect.suspend(() => {
      if (all >= WAITING_ALL || (waiting.get(asker) ?? 0) >= WAITING_EACH) return Effect.fail(busy)
      return Effect.sync(() => count(asker, 1))
    }),
    () => work,
    () => Effect.sync(() => count(asker, -1))
  )
