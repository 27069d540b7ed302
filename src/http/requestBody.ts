/** Reading what a client posts, never more than the endpoint allows. */

import { NodeHttpServerRequest } from "@effect/platform-node"
import { ByteSize, Effect, Exit, Option, Schema } from "effect"
import { HttpIncomingMessage, HttpServerRequest } from "effect/http"
import { InvalidClientMetadata, InvalidRequest } from "../domain/errors.ts"
import { collect } from "../domain/parameters.ts"
import * as StrictJson from "./strictJson.ts"

/** The body exceeds the endpoint's limit. */
export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>()("payload_too_large", {}) {}

/** The media type without its parameters, in lower case. */
export const mediaType = (request: HttpServerRequest.HttpServerRequest): string | undefined =>
  request.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase()

const unreadable = new InvalidRequest({ description: "the body could not be read" })
const notUtf8 = new InvalidRequest({ description: "the body is not UTF-8" })
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
  return Effect.flatMap(
    request.headers.expect === undefined ? received(request, limit) : awaited(request, limit),
    decode
  )
}

const received = (request: HttpServerRequest.HttpServerRequest, limit: number) =>
  Effect.callback<Uint8Array, InvalidRequest | PayloadTooLarge>((resume) => {
    const message = NodeHttpServerRequest.toIncomingMessage(request)
    const chunks: Array<Uint8Array> = []
    let bytes = 0
    const end = (exit: Exit.Exit<Uint8Array, InvalidRequest | PayloadTooLarge>) => {
      message.off("data", onData).off("end", onEnd).off("error", onError).off("close", onError)
      resume(exit)
    }
    const onData = (chunk: Uint8Array) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > limit) end(Exit.fail(tooLarge))
    }
    const onEnd = () =>
      end(Exit.succeed(chunks[0] !== undefined && chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)))
    const onError = () => end(Exit.fail(unreadable))
    message.on("data", onData).on("end", onEnd).on("error", onError).on("close", onError)
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

/** Of a form, and of a registration. */
const LIMIT = 64 * 1024
const FORM = "application/x-www-form-urlencoded"

/** The pairs of a posted form (RFC 6749 appendix B). */
export const readForm = Effect.fn("requestBody.readForm")(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (mediaType(request) !== FORM) return yield* new InvalidRequest({ description: `the body is not ${FORM}` })
  return [...new URLSearchParams(yield* readText(request, LIMIT))]
})

/** The form of an endpoint that takes each parameter once, and none in its URL (RFC 6749 §3.2, OAuth 2.1 §3.2). */
export const readParameters = Effect.fn("requestBody.readParameters")(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (request.url.includes("?")) return yield* new InvalidRequest({ description: "parameters belong in the body" })
  const { parameters, repeated } = collect(yield* readForm())
  if (repeated.size > 0) return yield* new InvalidRequest({ description: "a parameter is repeated" })
  return parameters
})

/** The JSON of a registration (RFC 7591 §3.1). */
export const readMetadata = Effect.fn("requestBody.readMetadata")(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  const wrong = (description: string) => new InvalidClientMetadata({ description })
  if (mediaType(request) !== "application/json") return yield* wrong("the body is not application/json")
  const text = yield* readText(request, LIMIT).pipe(
    Effect.catchTag("invalid_request", ({ description }) => Effect.fail(wrong(description)))
  )
  const value = StrictJson.parse(text)
  return Option.isSome(value) ? value.value : yield* wrong("the body is not strict JSON")
})
