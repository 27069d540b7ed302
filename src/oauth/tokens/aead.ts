/** How whatever is sealed here is encrypted: AES-256-GCM, laid out as iv 12 | ciphertext | tag 16. */

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import { type Option, Result } from "effect"

const ALGORITHM = "aes-256-gcm"
const [IV, TAG] = [12, 16] as const

/** `name` is not in the result, but it opens under the same one alone. */
export const encrypt = (key: Uint8Array, text: string, name = ""): Uint8Array => {
  const iv = randomBytes(IV)
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG }).setAAD(Buffer.from(name))
  return Buffer.concat([iv, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()])
}

/** `None` for whatever was not made with this key and name, or was damaged since. */
export const decrypt = (key: Uint8Array, sealed: Uint8Array, name = ""): Option.Option<string> =>
  Result.getSuccess(
    Result.try(() => {
      const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, IV), { authTagLength: TAG })
        .setAAD(Buffer.from(name))
        .setAuthTag(sealed.subarray(-TAG))
      return Buffer.concat([decipher.update(sealed.subarray(IV, -TAG)), decipher.final()]).toString("utf8")
    })
  )
