/**
 * The one way out to the network, for tools: JSON from a fixed address. User text goes into query values or a JSON body
 * only, redirects are not followed, and time and size are bounded. Failures say what happened, and never where to.
 */

import { Context, Duration, Effect, Layer, Option, type Redacted, Schedule, Schema, Stream } from "effect"
import { FetchHttpClient, Headers, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { ToolFailure } from "./Tool.ts"

const MAX_BYTES = 256 * 1024
const USER_AGENT = "Gatehouse/0.1 (MCP server; https://modelcontextprotocol.io)"

/** Bounds of one request, retries included. */
export class OutboundLimits extends Context.Reference<{ readonly timeout: Duration.Duration }>(
  "gatehouse/tools/OutboundLimits",
  { defaultValue: () => ({ timeout: Duration.seconds(5) }) }
) {}

export interface OutboundRequest<A> {
  /** What people call the other side. */
  readonly service: string
  readonly url: string
  readonly query?: Readonly<Record<string, string>>
  /** A body makes it a POST, which is not repeated. */
  readonly body?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>>
  /** The other side's own shape; what does not fit is a failure. */
  readonly answer: Schema.ConstraintDecoder<unknown> & { readonly Type: A }
}

export class Outbound extends Context.Service<
  Outbound,
  { readonly json: <A>(request: OutboundRequest<A>) => Effect.Effect<A, ToolFailure> }
>()("gatehouse/tools/Outbound") {
  static readonly layer = Layer.effect(
    Outbound,
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient

      const json = Effect.fn("Outbound.json")(function* <A>(request: OutboundRequest<A>) {
        const { timeout } = yield* OutboundLimits
        const fail = (what: string) => new ToolFailure({ message: `${request.service} ${what}` })
        const attempt = client.execute(build(request)).pipe(
          Effect.mapError(() => new Transient({ failure: fail("could not be reached. Try again later.") })),
          Effect.flatMap((response) => read(response, fail)),
          Effect.scoped
        )
        const text = yield* attempt.pipe(
          Effect.retry({
            while: (error) => request.body === undefined && error._tag === "Transient",
            times: 2,
            schedule: Schedule.jittered(Schedule.exponential("150 millis"))
          }),
          Effect.mapError((error) => (error._tag === "Transient" ? error.failure : error)),
          Effect.timeoutOrElse({
            duration: timeout,
            orElse: () => Effect.fail(fail(`did not answer within ${Duration.toSeconds(timeout)} seconds.`))
          })
        )
        return yield* Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Unknown))(text).pipe(
          Effect.flatMap(Schema.decodeUnknownEffect(request.answer)),
          Effect.mapError(() => fail("gave an answer that was not understood."))
        )
      })
      return Outbound.of({ json })
    })
  ).pipe(
    // fetch is in the runtime, speaks HTTP/1.1 and gzip, and is all that a few JSON requests need.
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(Layer.succeed(FetchHttpClient.RequestInit)({ redirect: "manual" })),
    // Request URLs hold what people search for; they are no business of a trace.
    Layer.provide(Layer.succeed(HttpClient.TracerDisabledWhen)(() => true))
  )
}

/** Worth another try. */
class Transient extends Schema.TaggedError<Transient>()("Transient", { failure: ToolFailure }) {}

const build = <A>({ url, query = {}, body, headers = {} }: OutboundRequest<A>) => {
  const request =
    body === undefined
      ? HttpClientRequest.get(url)
      : HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post(url), body)
  return request.pipe(
    HttpClientRequest.setUrlParams(query),
    HttpClientRequest.setHeaders({ accept: "application/json", "user-agent": USER_AGENT }),
    HttpClientRequest.setHeaders(Headers.fromInput(headers as Headers.Input))
  )
}

const read = Effect.fnUntraced(function* (
  response: HttpClientResponse.HttpClientResponse,
  fail: (what: string) => ToolFailure
) {
  const { status, headers } = response
  if (status >= 500)
    return yield* new Transient({ failure: fail(`has a problem of its own (${status}). Try again later.`) })
  if (status === 429) return yield* fail(`is limiting requests. ${tryAgain(headers["retry-after"])}`)
  if (status === 401 || status === 403)
    return yield* fail(`refused the request (${status}): check the key that the server is configured with.`)
  if (status < 200 || status >= 300) return yield* fail(`gave an unexpected answer (${status}).`)
  if (Number(headers["content-length"] ?? 0) > MAX_BYTES) return yield* fail("gave an answer that is too large.")
  // Counted after decompression, so that a small body cannot become a large one.
  const chunks = yield* response.stream.pipe(
    Stream.mapError(() => new Transient({ failure: fail("broke off its answer. Try again later.") })),
    Stream.runFoldEffect(
      () => ({ size: 0, chunks: [] as ReadonlyArray<Uint8Array> }),
      ({ size, chunks }, chunk) =>
        size + chunk.length > MAX_BYTES
          ? Effect.fail(fail("gave an answer that is too large."))
          : Effect.succeed({ size: size + chunk.length, chunks: [...chunks, chunk] })
    )
  )
  return Buffer.concat(chunks.chunks).toString("utf8")
})

const tryAgain = (retryAfter: string | undefined) =>
  /^\d{1,5}$/.test(retryAfter ?? "") ? `Try again in ${retryAfter} seconds.` : "Try again later."

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " }

/** Text from outside, fit to be read: no markup, no control or invisible characters, one line, cut at `length`. */
export const plainText = (text: string, length: number): string => {
  const plain = text
    .replace(/<[^<>]*>/g, "")
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (entity, decimal, hex, name) =>
      name === undefined
        ? codePoint(Number.parseInt(decimal ?? hex, decimal === undefined ? 16 : 10))
        : (ENTITIES[name.toLowerCase()] ?? entity)
    )
    .replace(/\s+/g, " ")
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, "")
    .trim()
  return plain.length > length ? `${plain.slice(0, length - 1)}…` : plain
}

const codePoint = (value: number) => (value > 0 && value <= 0x10ffff ? String.fromCodePoint(value) : "")

/** A link that a person may follow, or `None`. */
export const webUrl = (text: string): Option.Option<string> =>
  URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) ? Option.some(text) : Option.none()
