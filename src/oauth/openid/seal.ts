/** Private keys at rest: encrypted under a key of the server's and, where there is one, the operator's secret. */

import { createHmac } from "node:crypto"
import { Option, Redacted } from "effect"
import * as Aead from "../tokens/aead.ts"
import type { ServerKey } from "../tokens/ServerKeys.ts"

/** Both are needed to make it, so that a copy of the database opens nothing where `SEALING_KEY` is set. */
const keyOf = ({ sealingKey }: ServerKey, secret: Redacted.Redacted | undefined) =>
  createHmac("sha256", sealingKey)
    .update(secret === undefined ? "" : Redacted.value(secret))
    .digest()

/** Layout: server key 1 | what is encrypted. It opens under its own name alone. */
export const seal = (
  key: ServerKey,
  secret: Redacted.Redacted | undefined,
  name: string,
  content: string
): Uint8Array => Buffer.concat([Buffer.of(key.id), Aead.encrypt(keyOf(key, secret), content, name)])

export const open = (
  keyById: (id: number) => ServerKey | undefined,
  secret: Redacted.Redacted | undefined,
  name: string,
  sealed: Uint8Array
): Option.Option<string> => {
  const key = keyById(sealed[0] ?? -1)
  return key === undefined ? Option.none() : Aead.decrypt(keyOf(key, secret), sealed.subarray(1), name)
}
