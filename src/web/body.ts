/** Reading what a caller sends, never more than the endpoint allows. */

import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { ByteSize, Effect, Schema } from "effect"
import { HttpIncomingMessage, type HttpServerRequest } from "effect/http"

/** The body exceeds the endpoint's limit. */
export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>()("payload_too_large", {}) {}

/** The body did not arrive whole, or is no text. `description` may be told to the caller. */
export class BodyUnreadable extends Schema.TaggedError<BodyUnreadable>()("body_unreadable", {
  description: Schema.String
}) {}

/** The media type without its parameters, in lower case. */
export const mediaType = (request: HttpServerRequest.HttpServerRequest): string | undefined =>
  request.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase()

/** Whether a coding, if one is named, is one that is undone when we read. */
const isUndone = (coding: string | undefined, known: RegExp) => coding === undefined || known.test(coding.trim())

/** Whether the body is compressed, as content (RFC 9110 §8.4) or on the way (RFC 9112 §7), where Node undoes chunks alone. */
export const isEncoded = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  !isUndone(headers["content-encoding"], /^(identity)?$/i) || !isUndone(headers["transfer-encoding"], /^chunked$/i)

// Made once: an error collects its stack when it is made.
const unreadable = new BodyUnreadable({ description: "the body could not be read" })
const notUtf8 = new BodyUnreadable({ description: "the body is not UTF-8" })
const tooLarge = new PayloadTooLarge()

const utf8 = new TextDecoder("utf-8", { fatal: true })
const decode = (bytes: Uint8Array) => Effect.try({ try: () => utf8.decode(bytes), catch: () => notUtf8 })

/**
 * The body as text of at most `limit` bytes, refused by its declared length before a byte is read.
 *
 * Read from Node's message itself: `request.arrayBuffer` is made to be asked for twice, and costs a third of a call.
 */
export const readText = (request: HttpServerRequest.HttpServerRequest, limit: number) => {
  if (Number(request.headers["content-length"] ?? 0) > limit) return Effect.fail(tooLarge)
  // Only the adapter's own reader tells a client to go on.
  const bytes = request.headers.expect === undefined ? received(request, limit) : awaited(request, limit)
  return Effect.flatMap(bytes, decode)
}

// The first to resume has the word.
const received = (request: HttpServerRequest.HttpServerRequest, limit: number) =>
  Effect.callback<Uint8Array, BodyUnreadable | PayloadTooLarge>((resume) => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    const broken = () => resume(Effect.fail(unreadable))
    NodeHttpServerRequest.toIncomingMessage(request)
      .on("data", (chunk: Uint8Array) => {
        size += chunk.length
        if (size <= limit) chunks.push(chunk)
        else resume(Effect.fail(tooLarge))
      })
      .on("end", () => {
        const [only] = chunks
        resume(Effect.succeed(only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks)))
      })
      .on("error", broken)
      .on("close", broken)
  })

const awaited = (request: HttpServerRequest.HttpServerRequest, limit: number) =>
  request.arrayBuffer.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(limit)),
    Effect.mapBoth({
      onSuccess: (bytes) => new Uint8Array(bytes),
      onFailure: (error) =>
        error.reason._tag === "RequestParseError" && error.reason.reason === "BodyTooLarge" ? tooLarge : unreadable
    })
  )
