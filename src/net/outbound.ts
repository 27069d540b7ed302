/**
 * The way out to services that the operator or the code chose: JSON from a fixed address. User text goes into query values or a JSON body
 * only, redirects are not followed, and time and size are bounded. Failures say what happened, and never where to.
 */

import { Context, Duration, Effect, Layer, Redacted, Schedule, Schema, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"

const MAX_BYTES = 256 * 1024
const RETRIES = 2
const MAX_RETRY_AFTER = 86_400
const USER_AGENT = "Gatehouse/0.1 (an MCP server; contact its operator)"

/** No usable answer. The message is for whoever asked: it names the service, and never an address or a key. */
export class OutboundFailed extends Schema.TaggedError<OutboundFailed>()("OutboundFailed", {
  message: Schema.String
}) {}

/** Time for one request, its retries and its body included. */
export class OutboundTimeout extends Context.Reference<Duration.Duration>("gatehouse/net/OutboundTimeout", {
  defaultValue: () => Duration.seconds(5)
}) {}

export interface OutboundRequest<A> {
  /** What people call the other side. */
  readonly service: string
  /** From the configuration or the code, never from a caller. */
  readonly url: string
  readonly query?: Readonly<Record<string, string>>
  /** A body makes it a POST, which is not repeated. */
  readonly body?: Readonly<Record<string, unknown>>
  /** The header that carries the key, and what stands before it. */
  readonly key?: { readonly header: string; readonly scheme?: string; readonly value: Redacted.Redacted }
  /** The other side's own shape; what does not fit is a failure. */
  readonly answer: Schema.ConstraintDecoder<A>
}

/** Something to be told: a body as it was signed, and nothing that matters comes back. */
export interface Delivery {
  readonly service: string
  readonly url: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

export class Outbound extends Context.Service<
  Outbound,
  {
    readonly json: <A>(request: OutboundRequest<A>) => Effect.Effect<A, OutboundFailed>
    /** Sent once; whether it is sent again is for the caller to say. */
    readonly deliver: (delivery: Delivery) => Effect.Effect<void, OutboundFailed>
  }
>()("gatehouse/net/Outbound") {
  static readonly layer = Layer.effect(
    Outbound,
    Effect.gen(function* () {
      // With a scope, so that leaving an answer unread hangs up.
      const client = HttpClient.withScope(yield* HttpClient.HttpClient)

      const unreachable = (service: string) =>
        new OutboundFailed({ message: `${service} could not be reached. Try again later.` })
      const inTime = <A, E>(service: string, timeout: Duration.Duration, effect: Effect.Effect<A, E>) =>
        Effect.timeoutOrElse(effect, {
          duration: timeout,
          orElse: () =>
            new OutboundFailed({ message: `${service} did not answer within ${Duration.toSeconds(timeout)} seconds.` })
        })

      const json = Effect.fn("Outbound.json")(
        function* <A>(request: OutboundRequest<A>) {
          const timeout = yield* OutboundTimeout
          const fail = (what: string) => new OutboundFailed({ message: `${request.service} ${what}` })
          const attempt = client.execute(build(request)).pipe(
            // The reason stays here: it may quote the URL, or a header that could not be sent.
            Effect.mapError(() => new Transient({ failure: unreachable(request.service) })),
            Effect.flatMap((response) => read(response, fail)),
            Effect.scoped
          )
          const asked = attempt.pipe(
            Effect.retry({
              while: ({ _tag }) => _tag === "Transient" && request.body === undefined,
              times: RETRIES,
              schedule: Schedule.jittered(Schedule.exponential("150 millis"))
            }),
            Effect.catchTag("Transient", ({ failure }) => failure)
          )
          const text = yield* inTime(request.service, timeout, asked)
          return yield* Schema.decodeEffect(Schema.fromJsonString(request.answer))(text).pipe(
            Effect.mapError(() => fail("gave an answer that was not understood."))
          )
        },
        Effect.tapError(({ message }) => Effect.logWarning("a tool's upstream failed", message)),
        asOurs
      )

      const deliver = Effect.fn("Outbound.deliver")(function* ({ service, url, body, headers }: Delivery) {
        const request = HttpClientRequest.post(url).pipe(
          HttpClientRequest.bodyText(body, "application/json"),
          HttpClientRequest.setHeaders({ "user-agent": USER_AGENT, ...headers })
        )
        const sent = client.execute(request).pipe(
          Effect.mapError(() => unreachable(service)),
          Effect.flatMap(({ status }) =>
            status >= 200 && status < 300
              ? Effect.void
              : new OutboundFailed({ message: `${service} answered ${status}.` })
          ),
          Effect.scoped
        )
        yield* inTime(service, yield* OutboundTimeout, sent)
      }, asOurs)
      return Outbound.of({ json, deliver })
    })
    // Node's own fetch: nothing more to load, and it decompresses as a stream, so that what is counted is what is held.
  ).pipe(Layer.provide(FetchHttpClient.layer))
}

const asOurs = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
    // URLs hold what people search for, headers hold keys: neither is for a trace, or for the other side's trace.
    Effect.provideService(HttpClient.TracerDisabledWhen, () => true)
  )

/** Worth another try. */
class Transient extends Schema.TaggedError<Transient>()("Transient", { failure: OutboundFailed }) {}

const build = <A>({ url, query = {}, body, key }: OutboundRequest<A>) => {
  const request =
    body === undefined
      ? HttpClientRequest.get(url)
      : HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post(url), body)
  return request.pipe(
    HttpClientRequest.setUrlParams(query),
    HttpClientRequest.setHeaders({
      accept: "application/json",
      "user-agent": USER_AGENT,
      ...(key && { [key.header]: `${key.scheme ?? ""} ${Redacted.value(key.value)}`.trim() })
    })
  )
}

const read = Effect.fnUntraced(function* (
  { status, headers, stream }: HttpClientResponse.HttpClientResponse,
  fail: (what: string) => OutboundFailed
) {
  const tooLarge = fail("gave an answer that is too large.")
  if (status >= 500) {
    return yield* new Transient({ failure: fail(`has a problem of its own (${status}). Try again later.`) })
  }
  if (status === 429) return yield* fail(`is limiting requests. ${tryAgain(headers["retry-after"])}`)
  if (status === 401 || status === 403) {
    return yield* fail(`refused this server (${status}): its operator should check the key and the settings.`)
  }
  if (status >= 400) return yield* fail(`did not accept the request (${status}).`)
  if (status >= 300) return yield* fail("answered with a redirect, which is not followed.")
  if (Number(headers["content-length"] ?? 0) > MAX_BYTES) return yield* tooLarge
  const chunks: Array<Uint8Array> = []
  let size = 0
  yield* stream.pipe(
    Stream.mapError(() => new Transient({ failure: fail("broke off its answer. Try again later.") })),
    Stream.runForEach((chunk) => {
      size += chunk.length
      chunks.push(chunk)
      return size > MAX_BYTES ? Effect.fail(tooLarge) : Effect.void
    })
  )
  return Buffer.concat(chunks).toString("utf8")
})

const tryAgain = (retryAfter = "") =>
  /^\d{1,6}$/.test(retryAfter) && Number(retryAfter) <= MAX_RETRY_AFTER
    ? `Try again in ${Number(retryAfter)} seconds.`
    : "Try again later."
