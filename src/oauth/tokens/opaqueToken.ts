/**
 * Opaque tokens that can be judged before a table is read.
 *
 * `mcp_at_…`, `mcp_rt_…` and `mcp_ac_…` are base64url of 72 bytes:
 *
 *     version 1 | key id 1 | session 16 | generation 4 | random 34 | tag 16
 *
 * The tag is an HMAC over kind and content. So junk dies here, nobody can name a session by guessing, and a retired
 * refresh token is recognised for what it is even when its row is long gone. The random part alone carries 272 bits;
 * the database stores the SHA-256 of the whole string.
 */

import { createHmac, hash, randomBytes, timingSafeEqual } from "node:crypto"
import { Redacted } from "effect"
import type { ServerKey } from "./ServerKeys.ts"

/** Prefixes by kind, recognisable to secret scanners. */
const PREFIX = { access: "mcp_at_", refresh: "mcp_rt_", code: "mcp_ac_" } as const
export type TokenKind = keyof typeof PREFIX

const VERSION = 1
const [SESSION_AT, GENERATION_AT, RANDOM_AT, TAG_AT, END] = [2, 18, 22, 56, 72] as const
const BODY = /^[A-Za-z0-9_-]{96}$/

/** A freshly minted token: the secret for the client, the hash for the database. */
export interface MintedToken {
  readonly secret: Redacted.Redacted
  readonly hash: Uint8Array
}

/** What a presented token says of itself, once its tag was found genuine. */
export interface PresentedToken extends MintedToken {
  readonly sessionId: string
  readonly generation: number
}

export const sha256 = (value: string): Uint8Array => hash("sha256", value, "buffer")

/** The same digest as text, under which a good token is remembered. */
export const fingerprint = (secret: string): string => hash("sha256", secret, "base64url")
export const fingerprintOf = (token: PresentedToken): string => Buffer.from(token.hash).toString("base64url")

const tagOf = (kind: TokenKind, key: ServerKey, content: Uint8Array) =>
  createHmac("sha256", key.tokenKey)
    .update(PREFIX[kind])
    .update(content)
    .digest()
    .subarray(0, END - TAG_AT)

/** A new token of a session; `sessionId` is a UUID. */
export const mint = (kind: TokenKind, key: ServerKey, sessionId: string, generation: number): MintedToken => {
  const bytes = Buffer.alloc(END)
  bytes[0] = VERSION
  bytes[1] = key.id
  bytes.write(sessionId.replaceAll("-", ""), SESSION_AT, "hex")
  bytes.writeUInt32BE(generation, GENERATION_AT)
  randomBytes(TAG_AT - RANDOM_AT).copy(bytes, RANDOM_AT)
  tagOf(kind, key, bytes.subarray(0, TAG_AT)).copy(bytes, TAG_AT)
  const secret = PREFIX[kind] + bytes.toString("base64url")
  return { secret: Redacted.make(secret), hash: sha256(secret) }
}

/** Reads a presented token of one kind; `undefined` when it is not one that this server made. */
export const read = (
  kind: TokenKind,
  keyById: (id: number) => ServerKey | undefined,
  presented: Redacted.Redacted
): PresentedToken | undefined => {
  const text = Redacted.value(presented)
  if (!text.startsWith(PREFIX[kind])) return
  const body = text.slice(PREFIX[kind].length)
  if (!BODY.test(body)) return
  const bytes = Buffer.from(body, "base64url")
  const key = bytes[0] === VERSION ? keyById(bytes.readUInt8(1)) : undefined
  if (key === undefined) return
  if (!timingSafeEqual(tagOf(kind, key, bytes.subarray(0, TAG_AT)), bytes.subarray(TAG_AT))) return
  const id = bytes.toString("hex", SESSION_AT, GENERATION_AT)
  return {
    secret: presented,
    hash: sha256(text),
    sessionId: id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
    generation: bytes.readUInt32BE(GENERATION_AT)
  }
}
