/**
 * Requests to a deployment from outside, as a client would make them. Redirects are not followed and a failure is an
 * answer of status 0, so that the report can tell of both.
 */

import { Clock, Effect, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, type HttpMethod } from "effect/http"

/** Clients give up after ten seconds. */
const TIMEOUT = "10 seconds"

export interface Probe {
  readonly url: string
  /** 0 when there was no answer; `text` then says why. */
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
  /** The body if it was a JSON object, else an empty one. */
  readonly json: Readonly<Record<string, unknown>>
  readonly ms: number
}

export interface ProbeOptions {
  readonly method?: HttpMethod.HttpMethod
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as a form; `body` is sent as JSON. */
  readonly form?: Readonly<Record<string, string>>
  readonly body?: unknown
}

const decodeObject = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

/** The innermost message is what the network or TLS said; those around it only say that a request failed. */
const causeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const inner = "reason" in error ? error.reason : error.cause
  return inner instanceof Error ? causeOf(inner) : error.message
}

export const probe = Effect.fn("probe")(
  function* (url: string, { method, headers = {}, form, body }: ProbeOptions = {}) {
    const started = yield* Clock.currentTimeMillis
    const bare = HttpClientRequest.make(method ?? (form === undefined && body === undefined ? "GET" : "POST"))(url, {
      headers
    })
    const withForm = form === undefined ? bare : HttpClientRequest.bodyUrlParams(bare, form)
    const request = body === undefined ? withForm : HttpClientRequest.bodyJsonUnsafe(withForm, body)
    const answer = yield* HttpClient.execute(request).pipe(
      Effect.flatMap((response) =>
        Effect.map(response.text, (text) => ({ status: response.status, headers: response.headers, text }))
      ),
      Effect.timeout(TIMEOUT),
      Effect.catch((error) => Effect.succeed({ status: 0, headers: {}, text: causeOf(error) }))
    )
    const ms = (yield* Clock.currentTimeMillis) - started
    const json = decodeObject(answer.text)
    return { url, ms, json: json._tag === "Some" ? json.value : {}, ...answer } satisfies Probe
  },
  Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
  Effect.provide(FetchHttpClient.layer)
)

/** An answer in the words of the report. */
export const summaryOf = ({ status, text }: Probe): string =>
  status === 0 ? `no answer: ${text.slice(0, 120)}` : `it answered ${status}`

/** A parameter of the `WWW-Authenticate` header. */
export const challengeParameter = ({ headers }: Probe, name: string): string | undefined =>
  new RegExp(`${name}="([^"]*)"`).exec(headers["www-authenticate"] ?? "")?.[1]
