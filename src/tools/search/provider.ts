/** What a search provider is: one request, and how to read its answer. Adding one is a file like its neighbours. */

import { Effect, Redacted, type Schema } from "effect"
import type { Outbound, OutboundRequest } from "../outbound.ts"
import type { ToolFailure } from "../Tool.ts"

export interface SearchResult {
  readonly title: string
  readonly url: string
  readonly snippet: string
}

export interface Asked {
  readonly query: string
  readonly limit: number
  /** Empty for providers without one. */
  readonly key: string
  /** Where the provider answers, without a trailing slash. */
  readonly baseUrl: string
}

export interface SearchProvider {
  /** What people call it. */
  readonly service: string
  readonly search: (
    outbound: Outbound["Service"],
    asked: {
      readonly query: string
      readonly limit: number
      readonly key: Redacted.Redacted | undefined
      readonly baseUrl: string | undefined
    }
  ) => Effect.Effect<ReadonlyArray<SearchResult>, ToolFailure>
}

export const provider = <A>(spec: {
  readonly service: string
  /** Where it answers unless the configuration says otherwise. */
  readonly baseUrl: string
  readonly request: (asked: Asked) => Omit<OutboundRequest<A>, "service" | "answer">
  /** The provider's own shape. */
  readonly answer: Schema.ConstraintDecoder<unknown> & { readonly Type: A }
  readonly results: (answer: A, asked: Asked) => ReadonlyArray<SearchResult>
}): SearchProvider => ({
  service: spec.service,
  search: (outbound, { query, limit, key, baseUrl }) => {
    const asked = {
      query,
      limit,
      key: key === undefined ? "" : Redacted.value(key),
      baseUrl: (baseUrl ?? spec.baseUrl).replace(/\/+$/, "")
    }
    return outbound
      .json({ ...spec.request(asked), service: spec.service, answer: spec.answer })
      .pipe(Effect.map((answer) => spec.results(answer, asked)))
  }
})
