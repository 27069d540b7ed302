/** Reading what a client posts, never more than the endpoint allows. */

import { ByteSize, Effect, Option, Result, Schema } from "effect"
import { HttpIncomingMessage, HttpServerRequest } from "effect/http"
import { InvalidClientMetadata, InvalidRequest } from "../domain/errors.ts"
import { collect } from "../domain/parameters.ts"
import * as StrictJson from "./strictJson.ts"

/** The body exceeds the endpoint's limit. */
export class PayloadTooLarge extends Schema.TaggedError<PayloadTooLarge>()("payload_too_large", {}) {}

/** The media type without its parameters, in lower case. */
export const mediaType = (request: HttpServerRequest.HttpServerRequest): string | undefined =>
  request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase()

/** The body as text of at most `limit` bytes, refused by its declared length before a byte is read. Untraced, for speed. */
export const readText = Effect.fnUntraced(function* (limit: number) {
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

/** Of a form, and of a registration. */
const LIMIT = 64 * 1024
const FORM = "application/x-www-form-urlencoded"

/** The pairs of a posted form (RFC 6749 appendix B). */
export const readForm = Effect.fn("requestBody.readForm")(function* () {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (mediaType(request) !== FORM) return yield* new InvalidRequest({ description: `the body is not ${FORM}` })
  return [...new URLSearchParams(yield* readText(LIMIT))]
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
  const text = yield* readText(LIMIT).pipe(
    Effect.catchTag("invalid_request", ({ description }) => Effect.fail(wrong(description)))
  )
  const value = StrictJson.parse(text)
  return Option.isSome(value) ? value.value : yield* wrong("the body is not strict JSON")
})
