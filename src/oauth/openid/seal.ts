/** Private keys at rest: AES-256-GCM under a key of the server's and, where there is one, the operator's secret. */

import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto"
import { Option, Redacted, Result } from "effect"
import type { ServerKey } from "../tokens/ServerKeys.ts"

const [IV, TAG] = [12, 16] as const

/** Both are needed to make it, so that a copy of the database opens nothing where `SEALING_KEY` is set. */
const keyOf = ({ sealingKey }: ServerKey, secret: Redacted.Redacted | undefined) =>
  createHmac("sha256", sealingKey)
    .update(secret === undefined ? "" : Redacted.value(secret))
    .digest()

/** Layout: server key 1 | iv 12 | ciphertext | tag 16. It opens under its own name alone. */
export const seal = (
  key: ServerKey,
  secret: Redacted.Redacted | undefined,
  name: string,
  content: string
): Uint8Array => {
  const iv = randomBytes(IV)
  const cipher = createCipheriv("aes-256-gcm", keyOf(key, secret), iv).setAAD(Buffer.from(name))
  return Buffer.concat([Buffer.of(key.id), iv, cipher.update(content, "utf8"), cipher.final(), cipher.getAuthTag()])
}

export const open = (
  keyById: (id: number) => ServerKey | undefined,
  secret: Redacted.Redacted | undefined,
  name: string,
  sealed: Uint8Array
): Option.Option<string> => {
  const key = keyById(sealed[0] ?? -1)
  if (key === undefined) return Option.none()
  return Result.getSuccess(
    Result.try(() => {
      const decipher = createDecipheriv("aes-256-gcm", keyOf(key, secret), sealed.subarray(1, 1 + IV))
        .setAAD(Buffer.from(name))
        .setAuthTag(sealed.subarray(-TAG))
      return Buffer.concat([decipher.update(sealed.subarray(1 + IV, -TAG)), decipher.final()]).toString("utf8")
    })
  )
}
