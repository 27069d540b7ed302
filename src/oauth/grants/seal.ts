/**
 * The answer of a rotation, kept on the retired token's row for a repeat inside the grace.
 *
 * Encrypted under a key that only the presented token yields (HKDF, then AES-256-GCM), so the database, which holds
 * hashes alone, can repeat an answer that it cannot read.
 */

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto"
import { Option, Redacted, Result, Schema } from "effect"

/** What a rotation issued. What the tokens are worth is in their rows. */
export const Successor = Schema.Struct({
  refreshToken: Schema.RedactedFromValue(Schema.String),
  accessToken: Schema.RedactedFromValue(Schema.String)
})
export type Successor = typeof Successor.Type

const SuccessorJson = Schema.fromJsonString(Successor)
const [SALT, IV, TAG] = [16, 12, 16] as const

const keyOf = (token: Redacted.Redacted, salt: Uint8Array) =>
  Buffer.from(hkdfSync("sha256", Redacted.value(token), salt, "gatehouse successor v1", 32))

/** Layout: salt 16 | iv 12 | ciphertext | tag 16. */
export const seal = (token: Redacted.Redacted, successor: Successor): Uint8Array => {
  const [salt, iv] = [randomBytes(SALT), randomBytes(IV)]
  const cipher = createCipheriv("aes-256-gcm", keyOf(token, salt), iv)
  const content = cipher.update(Schema.encodeSync(SuccessorJson)(successor), "utf8")
  return Buffer.concat([salt, iv, content, cipher.final(), cipher.getAuthTag()])
}

/** `None` when the seal was not made for this token. */
export const open = (token: Redacted.Redacted, sealed: Uint8Array): Option.Option<Successor> =>
  Result.getSuccess(
    Result.try(() => {
      const decipher = createDecipheriv(
        "aes-256-gcm",
        keyOf(token, sealed.subarray(0, SALT)),
        sealed.subarray(SALT, SALT + IV)
      )
      decipher.setAuthTag(sealed.subarray(-TAG))
      const content = decipher.update(sealed.subarray(SALT + IV, -TAG))
      return Buffer.concat([content, decipher.final()]).toString("utf8")
    })
  ).pipe(Option.flatMap(Schema.decodeOption(SuccessorJson)))

/** Follows the seals of a chain, each of which yields the key of the next, to the last answer; nothing if one is not there. */
export const openAll = (token: Redacted.Redacted, seals: ReadonlyArray<Uint8Array | null>): Successor | undefined => {
  let last: Successor | undefined
  for (const sealed of seals) {
    last = sealed === null ? undefined : Option.getOrUndefined(open(last?.refreshToken ?? token, sealed))
    if (last === undefined) return undefined
  }
  return last
}
