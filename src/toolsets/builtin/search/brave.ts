/** https://api-dashboard.search.brave.com/app/documentation/web-search */

import { Schema } from "effect"
import { Hits, provider } from "./provider.ts"

export const brave = provider({
  service: "Brave Search",
  baseUrl: "https://api.search.brave.com",
  key: { header: "x-subscription-token" },
  request: ({ baseUrl, query, limit }) => ({
    url: `${baseUrl}/res/v1/web/search`,
    query: { q: query, count: String(limit), result_filter: "web", text_decorations: "false" }
  }),
  answer: Schema.Struct({
    // Absent when nothing was found.
    web: Schema.optionalKey(Schema.NullOr(Schema.Struct({ results: Hits })))
  }),
  hits: ({ web }) => web?.results ?? [],
  hit: Schema.Struct({
    title: Schema.String,
    url: Schema.String,
    description: Schema.optionalKey(Schema.NullOr(Schema.String))
  }),
  found: ({ title, url, description }) => ({ title, url, snippet: description ?? "" })
})
