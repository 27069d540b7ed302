/** A page's bytes as text, in the encoding that a browser would take them for. */

import { isUtf8 } from "node:buffer"
import { getBOMEncoding, legacyHookDecode, normalizeEncoding } from "@exodus/bytes/encoding.js"
import sniffHtml from "html-encoding-sniffer"

/**
 * A byte order mark goes first, then what HTTP says, then what the page says of itself if it is markup (the HTML
 * standard's order). What nobody declared is UTF-16 or UTF-8 if it looks like it, and windows-1252 as browsers take it.
 */
export const decode = (bytes: Uint8Array, charset: string | undefined, isMarkup: boolean): string => {
  const label = charset === undefined ? null : normalizeEncoding(charset)
  const otherwise = utf16(bytes) ?? (isUtf8(bytes) ? "utf-8" : "windows-1252")
  const name =
    getBOMEncoding(bytes) ??
    label ??
    (isMarkup ? sniffHtml(declaring(bytes), { defaultEncoding: otherwise }).toLowerCase() : otherwise)
  return legacyHookDecode(bytes, name)
}

/** How far into a page its declaration may stand. The standard's first look is at 1 KiB, but a browser still heeds it. */
const HEAD = 65_536

/** The page from its declaration on, if that comes late, or else from its beginning. */
const declaring = (bytes: Uint8Array) => {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEAD)).toString("latin1")
  const at = head.slice(1024).search(/<meta[^<>]{0,300}charset/i)
  return at < 0 || sniffHtml(bytes, { defaultEncoding: NONE }) !== NONE ? bytes : bytes.subarray(at + 1024)
}
/** No encoding. */
const NONE = ""

/** How much of a page tells whether each second byte of it is empty. */
const SAMPLE = 512

/** UTF-16 that nobody declared: its ASCII, of which markup has much, leaves every other byte empty. */
const utf16 = (bytes: Uint8Array) => {
  const sample = bytes.subarray(0, Math.min(SAMPLE, bytes.length - (bytes.length % 2)))
  const empty = [0, 0]
  for (const [at, byte] of sample.entries()) if (byte === 0) empty[at % 2] = (empty[at % 2] ?? 0) + 1
  const [even = 0, odd = 0] = empty
  const many = sample.length / 4
  if (odd > many && even === 0) return "utf-16le"
  return even > many && odd === 0 ? "utf-16be" : undefined
}
