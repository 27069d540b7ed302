/** Reading what a client posts, never more than the endpoint allows. */

import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { ByteSize, Effect, Option, Schema } from "effect"
import { HttpIncomingMessage, HttpServerRequest } from "effect/http"
import { InvalidClientMetadata, InvalidRequest } from "../oauth/errors.ts"
import { collect } from "../oauth/parameters.ts"
import * as StrictJson from "./json.ts"

/** The body exceeds the endpoint's limit. */
export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>()("payload_too_large", {}) {}

/** The media type without its parameters, in lower case. */
export const mediaType = (request: HttpServerRequest.HttpServerRequest): string | undefined =>
  request.headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase()

const unreadable = new InvalidRequest({ description: "the body could not be read" })
const notUtf8 = new InvalidRequest({ description: "the body is not UTF-8" })
const tooLarge = new PayloadTooLarge()
const utf8 = new TextDecoder("utf-8", { fatal: true })
// Methods, since tsx would define the name of a function that a property gets.
const decode = (bytes: Uint8Array) =>
  Effect.try({
    try() {
      return utf8.decode(bytes)
    },
    catch() {
      return notUtf8
    }
  })

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

// The first to resume has the word. Listeners without a name, which tsx would define for each request (esbuild keepNames).
const received = (request: HttpServerRequest.HttpServerRequest, limit: number) =>
  Effect.callback<Uint8Array, InvalidRequest | PayloadTooLarge>((resume) => {
    const chunks: Array<Uint8Array> = []
    let bytes = 0
    NodeHttpServerRequest.toIncomingMessage(request)
      .on("data", (chunk: Uint8Array) => {
        bytes += chunk.length
        if (bytes <= limit) chunks.push(chunk)
        else resume(Effect.fail(tooLarge))
      })
      .on("end", () => {
        const [only] = chunks
        resume(Effect.succeed(only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks)))
      })
      .on("error", () => resume(Effect.fail(unreadable)))
      .on("close", () => resume(Effect.fail(unreadable)))
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
export const readForm = Effect.fnUntraced(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (mediaType(request) !== FORM) return yield* new InvalidRequest({ description: `the body is not ${FORM}` })
  return [...new URLSearchParams(yield* readText(request, LIMIT))]
})

/** The form of an endpoint that takes each parameter once, and none in its URL (RFC 6749 §3.2, OAuth 2.1 §3.2). */
export const readParameters = Effect.fnUntraced(function* () {
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
