/** https://www.mediawiki.org/wiki/API:Search: works without a key, so that search works out of the box. */

import { Schema } from "effect"
import { provider } from "./provider.ts"

export const wikipedia = provider({
  service: "Wikipedia",
  baseUrl: "https://en.wikipedia.org",
  request: ({ baseUrl, query, limit }) => ({
    url: `${baseUrl}/w/api.php`,
    query: {
      action: "query",
      list: "search",
      srsearch: query,
      srlimit: String(limit),
      format: "json",
      formatversion: "2"
    }
  }),
  answer: Schema.Struct({
    query: Schema.Struct({ search: Schema.Array(Schema.Struct({ title: Schema.String, snippet: Schema.String })) })
  }),
  results: ({ query }, { baseUrl }) =>
    query.search.map(({ title, snippet }) => ({
      title,
      url: `${baseUrl}/wiki/${encodeURIComponent(title.replaceAll(" ", "_"))}`,
      snippet
    }))
})
