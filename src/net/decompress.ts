/** Bodies that came compressed, though they were asked not to be: read, and never more of them than was asked for. */

import { brotliDecompress, gunzip, inflate, inflateRaw, type ZlibOptions } from "node:zlib"
import { Effect, Schema } from "effect"

/** The body cannot be had; `reason` is for the log. */
export class Undecodable extends Schema.TaggedError<Undecodable>()("Undecodable", {
  reason: Schema.String
}) {}

type Decompress = (
  body: Uint8Array,
  options: ZlibOptions,
  callback: (error: Error | null, result: Buffer) => void
) => void

/** Half of the world's `deflate` lacks the header that it should have (RFC 9110 §8.4.1.2). */
const deflate: Decompress = (body, options, callback) =>
  ((body[0] ?? 0) & 0x0f) === 8 ? inflate(body, options, callback) : inflateRaw(body, options, callback)

const CODINGS: Readonly<Record<string, Decompress>> = {
  gzip: gunzip,
  "x-gzip": gunzip,
  deflate,
  br: (body, { maxOutputLength }, callback) => brotliDecompress(body, { maxOutputLength }, callback)
}

/** The body as its sender meant it: by `Content-Encoding`, whose value is case-insensitive. More than one is refused. */
export const decompress = (body: Uint8Array, contentEncoding: string | undefined, maxBytes: number) => {
  const coding = (contentEncoding ?? "").trim().toLowerCase()
  if (coding === "" || coding === "identity") return Effect.succeed(body)
  const decode = Object.hasOwn(CODINGS, coding) ? CODINGS[coding] : undefined
  if (decode === undefined) return new Undecodable({ reason: "the answer is compressed in a way that is not read" })
  return Effect.callback<Uint8Array, Undecodable>((resume) =>
    decode(body, { maxOutputLength: maxBytes }, (error, result) => {
      if (error === null) return resume(Effect.succeed(result))
      const isTooLarge = "code" in error && error.code === "ERR_BUFFER_TOO_LARGE"
      const reason = isTooLarge ? `the answer is larger than ${maxBytes} bytes` : "the answer cannot be decompressed"
      resume(new Undecodable({ reason }))
    })
  )
}
