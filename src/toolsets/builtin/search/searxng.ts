/** https://docs.searxng.org/dev/search_api.html: a server of one's own, with its JSON format enabled. */

import { Schema } from "effect"
import { Hits, provider } from "./provider.ts"

export const searxng = provider({
  service: "SearXNG",
  baseUrl: "http://localhost:8080",
  request: ({ baseUrl, query }) => ({ url: `${baseUrl}/search`, query: { q: query, format: "json" } }),
  answer: Schema.Struct({ results: Hits }),
  hits: ({ results }) => results,
  hit: Schema.Struct({
    title: Schema.String,
    url: Schema.String,
    content: Schema.optionalKey(Schema.NullOr(Schema.String))
  }),
  found: ({ title, url, content }) => ({ title, url, snippet: content ?? "" })
})
