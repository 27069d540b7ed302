/** https://help.kagi.com/kagi/api/search.html (v0, which Kagi now calls legacy) */

import { Schema } from "effect"
import { Hits, provider } from "./provider.ts"

/** Objects of type 0 are results; the others are related searches and the like. */
const RESULT = 0

export const kagi = provider({
  service: "Kagi",
  baseUrl: "https://kagi.com",
  key: { header: "authorization", scheme: "Bot" },
  request: ({ baseUrl, query, limit }) => ({
    url: `${baseUrl}/api/v0/search`,
    query: { q: query, limit: String(limit) }
  }),
  answer: Schema.Struct({ data: Hits }),
  hits: ({ data }) => data,
  hit: Schema.Struct({
    t: Schema.Literal(RESULT),
    title: Schema.String,
    url: Schema.String,
    snippet: Schema.optionalKey(Schema.NullOr(Schema.String))
  }),
  found: ({ title, url, snippet }) => ({ title, url, snippet: snippet ?? "" })
})
