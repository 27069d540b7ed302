/**
 * Client secrets at rest: SHA-256 for those that are random, scrypt for those that a person chose.
 *
 * A slow hash in front of a 256-bit random secret protects nothing and lets anybody burn our processor.
 */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { Effect, Redacted } from "effect"
import type { SecretHash } from "./client.ts"
import * as Slow from "./slowHash.ts"

const PREFIX = "mcp_cs_"

/**
 * A secret with 256 bits of entropy and a prefix that scanners know. One in thousands does not look it, so it is drawn
 * again: what we made ourselves is never worth a slow hash.
 */
export const generate = (draw: () => Uint8Array = () => randomBytes(32)): Redacted.Redacted => {
  const secret = PREFIX + Buffer.from(draw()).toString("base64url")
  return looksRandom(secret) ? Redacted.make(secret) : generate(draw)
}

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

/** The form in which a secret is stored. */
export const hash = Effect.fn("clientSecret.hash")(function* (secret: Redacted.Redacted) {
  if (looksRandom(Redacted.value(secret))) {
    return { hash: digest(secret), salt: null, kdf: null } satisfies SecretHash
  }
  const salt = randomBytes(16)
  const kdf = Slow.SCRYPT_NAME
  return { hash: yield* Slow.derive(secret, salt, kdf), salt, kdf } satisfies SecretHash
})

const equal = (presented: Uint8Array, stored: Uint8Array) =>
  presented.length === stored.length && timingSafeEqual(presented, stored)

const isSlow = (stored: SecretHash): stored is Slow.SlowHash => stored.kdf !== null && stored.salt !== null

const matches = (secret: Redacted.Redacted, stored: Slow.SlowHash) =>
  Slow.matches(secret, stored, (presented) => equal(presented, stored.hash))

/** Constant-time comparison with the stored form; the operator's own, so it waits for its turn. */
export const verify = Effect.fn("clientSecret.verify")(function* (secret: Redacted.Redacted, stored: SecretHash) {
  return isSlow(stored) ? yield* matches(secret, stored) : equal(digest(secret), stored.hash)
})

/**
 * The same for whoever asks: they wait for a slow hash among a few from their address, or are told to come again.
 * `asker` is only looked at for that.
 */
export const verifyFor = Effect.fnUntraced(function* <E, R>(
  asker: Effect.Effect<string, E, R>,
  secret: Redacted.Redacted,
  stored: SecretHash
) {
  if (!isSlow(stored)) return equal(digest(secret), stored.hash)
  if (yield* Slow.isKnown(secret, stored)) return true
  return yield* Slow.inTurn(yield* asker, matches(secret, stored))
})
