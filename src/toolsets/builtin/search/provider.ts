/** What a search provider is: one request, and how to read its answer. Adding one is a file like its neighbours. */

import { Effect, type Redacted, Result, Schema } from "effect"
import type { SearchConfig } from "../../../config/parts.ts"
import type { Outbound, OutboundRequest } from "../../../net/outbound.ts"
import { type Failure, ToolFailure } from "../../failure.ts"

/** Hits that nobody has looked at yet. */
export const Hits = Schema.Array(Schema.Unknown)
type Hits = typeof Hits.Type

/** As the provider tells it: nothing of it is clean. */
export interface Found {
  readonly title: string
  readonly url: string
  readonly snippet: string
}

interface Asked {
  readonly query: string
  readonly limit: number
  /** Where the provider answers, without a trailing slash. */
  readonly baseUrl: string
}

export interface SearchProvider {
  /** What people call it. */
  readonly service: string
  readonly search: (
    outbound: Outbound["Service"],
    config: SearchConfig,
    query: string,
    limit: number
  ) => Effect.Effect<ReadonlyArray<Found>, Failure>
}

export const provider = <A, H>(spec: {
  readonly service: string
  /** Where it answers unless the configuration says otherwise. */
  readonly baseUrl: string
  /** How it takes its key, if it needs one. */
  readonly key?: { readonly header: string; readonly scheme?: string }
  readonly request: (asked: Asked) => Pick<OutboundRequest<A>, "url" | "query" | "body">
  /** The provider's own shape around its hits, and where they are in it. */
  readonly answer: Schema.ConstraintDecoder<A>
  readonly hits: (answer: A) => Hits
  /** The shape of a hit, as far as it is needed. What has another one is left out, and takes no other along. */
  readonly hit: Schema.ConstraintDecoder<H>
  readonly found: (hit: H, asked: Asked) => Found
}): SearchProvider => {
  const { service, answer } = spec
  const decode = Schema.decodeUnknownResult(spec.hit)
  return {
    service,
    search: Effect.fnUntraced(function* (outbound, config, query, limit) {
      const asked = { query, limit, baseUrl: (config.baseUrl ?? spec.baseUrl).replace(/\/+$/, "") }
      const key = spec.key && (yield* keyed(spec.key, config.apiKey, service))
      const answered = yield* outbound.json({ ...spec.request(asked), service, answer, ...(key && { key }) })
      return spec.hits(answered).flatMap((hit) => {
        const decoded = decode(hit)
        return Result.isSuccess(decoded) ? [spec.found(decoded.success, asked)] : []
      })
    })
  }
}

const keyed = <K>(header: K, value: Redacted.Redacted | undefined, service: string) =>
  value === undefined
    ? Effect.fail(new ToolFailure(`This server has no key for ${service}.`))
    : Effect.succeed({ ...header, value })
