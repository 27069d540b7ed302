/** https://docs.searxng.org/dev/search_api.html: a server of one's own, with its JSON format enabled. */

import { Schema } from "effect"
import { provider } from "./provider.ts"

export const searxng = provider({
  service: "SearXNG",
  baseUrl: "http://localhost:8080",
  request: ({ baseUrl, query }) => ({ url: `${baseUrl}/search`, query: { q: query, format: "json" } }),
  answer: Schema.Struct({
    results: Schema.Array(
      Schema.Struct({
        title: Schema.String,
        url: Schema.String,
        content: Schema.optionalKey(Schema.NullOr(Schema.String))
      })
    )
  }),
  results: ({ results }) => results.map(({ title, url, content }) => ({ title, url, snippet: content ?? "" }))
})
