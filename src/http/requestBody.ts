/** Reading what a client posts, never more than the endpoint allows. */

import { ByteSize, Effect, Result, Schema } from "effect"
import { HttpIncomingMessage, HttpServerRequest } from "effect/http"
import { InvalidRequest } from "../domain/errors.ts"
import { collect } from "../domain/parameters.ts"

/** The body exceeds the endpoint's limit. */
export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>()("payload_too_large", {}) {}

/** The media type without its parameters, in lower case. */
export const mediaType = (request: HttpServerRequest.HttpServerRequest): string | undefined =>
  request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase()

/** The body as text of at most `limit` bytes, refused by its declared length before a byte is read. */
export const readText = Effect.fn("requestBody.readText")(function* (limit: number) {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (Number(request.headers["content-length"] ?? 0) > limit) return yield* new PayloadTooLarge()
  const bytes = yield* request.arrayBuffer.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(limit)),
    Effect.mapError((error) =>
      error.reason._tag === "RequestParseError" && error.reason.reason === "BodyTooLarge"
        ? new PayloadTooLarge()
        : new InvalidRequest({ description: "the body could not be read" })
    )
  )
  const text = Result.try(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  return yield* Effect.fromResult(text).pipe(
    Effect.mapError(() => new InvalidRequest({ description: "the body is not UTF-8" }))
  )
})

const FORM_LIMIT = 64 * 1024
const FORM = "application/x-www-form-urlencoded"

/** The pairs of a posted form (RFC 6749 appendix B). */
export const readForm = Effect.fn("requestBody.readForm")(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (mediaType(request) !== FORM) return yield* new InvalidRequest({ description: `the body is not ${FORM}` })
  return [...new URLSearchParams(yield* readText(FORM_LIMIT))]
})

/** The form of an endpoint that takes each parameter once, and none in its URL (RFC 6749 §3.2, OAuth 2.1 §3.2). */
export const readParameters = Effect.fn("requestBody.readParameters")(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (request.url.includes("?")) return yield* new InvalidRequest({ description: "parameters belong in the body" })
  const { parameters, repeated } = collect(yield* readForm())
  if (repeated.size > 0) return yield* new InvalidRequest({ description: "a parameter is repeated" })
  return parameters
})
