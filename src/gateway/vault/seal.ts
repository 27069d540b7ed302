/** How the vault is sealed: under a key of this server's and, where there is one, the operator's secret, and for one purpose each. */

import { createHmac } from "node:crypto"
import { Option, Redacted, Schema } from "effect"
import * as Aead from "../../oauth/tokens/aead.ts"
import type { ServerKey, ServerKeys } from "../../oauth/tokens/ServerKeys.ts"

/** Both are needed to make it, so that a copy of the database opens nothing where `SEALING_KEY` is set. */
const keyOf = ({ sealingKey }: ServerKey, secret: Redacted.Redacted | undefined) =>
  createHmac("sha256", sealingKey)
    .update(`gatehouse vault v1\n${secret === undefined ? "" : Redacted.value(secret)}`)
    .digest()

/** No two lists of words have the same name, whatever stands in the words. */
const nameOf = (words: ReadonlyArray<string>) => JSON.stringify(words)

/** Under which words a person's tokens for a mount at an address are sealed, and this server's registration at an issuer. */
export const linkWords = (mount: string, personId: string, url: string) => ["link", mount, personId, url]
export const clientWords = (mount: string, issuer: string) => ["client", mount, issuer]

export interface Sealing {
  /** Layout: server key 1 | what is encrypted. It opens under its own words alone. */
  readonly seal: (words: ReadonlyArray<string>, content: string) => Uint8Array
  readonly open: (words: ReadonlyArray<string>, sealed: Uint8Array) => Option.Option<string>
  /** Whether another key seals by now. */
  readonly isOld: (sealed: Uint8Array) => boolean
}

export const makeSealing = (
  keys: Pick<ServerKeys["Service"], "signing" | "byId">,
  secret: Redacted.Redacted | undefined
): Sealing => ({
  seal: (words, content) => {
    const key = keys.signing()
    return Buffer.concat([Buffer.of(key.id), Aead.encrypt(keyOf(key, secret), content, nameOf(words))])
  },
  open: (words, sealed) => {
    const key = keys.byId(sealed[0] ?? -1)
    return key === undefined ? Option.none() : Aead.decrypt(keyOf(key, secret), sealed.subarray(1), nameOf(words))
  },
  isOld: (sealed) => sealed[0] !== keys.signing().id
})

/** Reads what was sealed; nothing where it does not open here, or is of another shape. */
export const openAs = <S extends Schema.ConstraintDecoder<unknown>>(sealing: Sealing, schema: S) => {
  const decode = Schema.decodeOption(Schema.fromJsonString(schema))
  return (words: ReadonlyArray<string>, sealed: Uint8Array): Option.Option<S["Type"]> =>
    Option.flatMap(sealing.open(words, sealed), decode)
}
