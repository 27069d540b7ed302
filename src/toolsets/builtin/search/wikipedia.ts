/** https://www.mediawiki.org/wiki/API:Search: works without a key, so that search works out of the box. */

import { Schema } from "effect"
import { Hits, provider } from "./provider.ts"

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
  answer: Schema.Struct({ query: Schema.Struct({ search: Hits }) }),
  hits: ({ query }) => query.search,
  hit: Schema.Struct({ title: Schema.String, snippet: Schema.optionalKey(Schema.NullOr(Schema.String)) }),
  found: ({ title, snippet }, { baseUrl }) => ({
    title,
    // Half of a character cannot be written in an address.
    url: `${baseUrl}/wiki/${encodeURIComponent(title.replaceAll(" ", "_").toWellFormed())}`,
    snippet: snippet ?? ""
  })
})
