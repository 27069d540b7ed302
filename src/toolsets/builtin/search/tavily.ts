/** https://docs.tavily.com/documentation/api-reference/endpoint/search */

import { Schema } from "effect"
import { Hits, provider } from "./provider.ts"

export const tavily = provider({
  service: "Tavily",
  baseUrl: "https://api.tavily.com",
  key: { header: "authorization", scheme: "Bearer" },
  request: ({ baseUrl, query, limit }) => ({
    url: `${baseUrl}/search`,
    body: { query, max_results: limit }
  }),
  answer: Schema.Struct({ results: Hits }),
  hits: ({ results }) => results,
  hit: Schema.Struct({
    title: Schema.String,
    url: Schema.String,
    content: Schema.optionalKey(Schema.NullOr(Schema.String))
  }),
  found: ({ title, url, content }) => ({ title, url, snippet: content ?? "" })
})
