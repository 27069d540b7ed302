/**
 * Client secrets at rest: SHA-256 for those that are random, scrypt for those that a person chose.
 *
 * A slow hash in front of a 256-bit random secret protects nothing and lets anybody burn our processor.
 */

import { createHash, randomBytes, scrypt, timingSafeEqual } from "node:crypto"
import { Effect, Redacted, Semaphore } from "effect"
import type { SecretHash } from "./client.ts"

const PREFIX = "mcp_cs_"
// OWASP Password Storage Cheat Sheet: N=2^16, r=8, p=2 needs 64 MiB and about 0.2 s.
const SCRYPT = { N: 2 ** 16, r: 8, p: 2 } as const
const SCRYPT_NAME = `scrypt:${SCRYPT.N}:${SCRYPT.r}:${SCRYPT.p}`

// One at a time: scrypt runs on the thread pool that everything else shares.
const lane = Semaphore.makeUnsafe(1)

/** A secret with 256 bits of entropy and a prefix that scanners know. */
export const generate = (): Redacted.Redacted => Redacted.make(PREFIX + randomBytes(32).toString("base64url"))

/**
 * Whether a secret looks drawn at random: 32 printable characters or more, at least 12 different ones, hardly a piece
 * of three repeated, and changing between lower case, upper case, digits and the rest as often as chance does, which
 * words and dates do not. A random secret misjudged costs only time.
 */
export const looksRandom = (secret: string): boolean => {
  if (!/^[\x21-\x7e]{32,}$/.test(secret) || new Set(secret).size < 12) return false
  const pieces = Array.from({ length: secret.length - 2 }, (_, at) => secret.slice(at, at + 3).toLowerCase())
  const kinds = Array.from(secret, (character) => KINDS.findIndex((kind) => kind.test(character)))
  const changes = kinds.filter(
    (kind, at) => at > 0 && kind !== kinds[at - 1] && !startsWord(kinds[at - 1], kind)
  ).length
  return pieces.length - new Set(pieces).size <= pieces.length / 10 && changes >= secret.length / 4
}

const KINDS = [/[a-z]/, /[A-Z]/, /[0-9]/]
// A capital and its word are one piece of what people write.
const startsWord = (before: number | undefined, kind: number) => before === 1 && kind === 0

const digest = (secret: Redacted.Redacted) => createHash("sha256").update(Redacted.value(secret)).digest()

const slowDigest = (secret: Redacted.Redacted, salt: Uint8Array, kdf: string) => {
  const [, N, r, p] = kdf.split(":").map(Number)
  return lane.withPermits(1)(
    Effect.callback<Buffer>((resume) => {
      const cost = { N: N ?? SCRYPT.N, r: r ?? SCRYPT.r, p: p ?? SCRYPT.p, maxmem: 256 * 2 ** 20 }
      scrypt(Redacted.value(secret), salt, 32, cost, (error, key) =>
        resume(error === null ? Effect.succeed(key) : Effect.die(error))
      )
    })
  )
}

/** The form in which a secret is stored. */
export const hash = Effect.fn("clientSecret.hash")(function* (secret: Redacted.Redacted) {
  if (looksRandom(Redacted.value(secret))) {
    return { hash: digest(secret), salt: null, kdf: null } satisfies SecretHash
  }
  const salt = randomBytes(16)
  return { hash: yield* slowDigest(secret, salt, SCRYPT_NAME), salt, kdf: SCRYPT_NAME } satisfies SecretHash
})

/** Constant-time comparison with the stored form. */
export const verify = Effect.fn("clientSecret.verify")(function* (secret: Redacted.Redacted, stored: SecretHash) {
  const presented =
    stored.kdf === null || stored.salt === null ? digest(secret) : yield* slowDigest(secret, stored.salt, stored.kdf)
  return presented.length === stored.hash.length && timingSafeEqual(presented, stored.hash)
})
