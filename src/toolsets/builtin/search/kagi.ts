/** https://help.kagi.com/kagi/api/search.html (v0, which Kagi now calls legacy) */

import { Schema } from "effect"
import { provider } from "./provider.ts"

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
  answer: Schema.Struct({
    data: Schema.Array(
      Schema.Struct({
        t: Schema.Number,
        title: Schema.optionalKey(Schema.String),
        url: Schema.optionalKey(Schema.String),
        snippet: Schema.optionalKey(Schema.NullOr(Schema.String))
      })
    )
  }),
  results: ({ data }) =>
    data
      .filter(({ t }) => t === RESULT)
      .map(({ title = "", url = "", snippet }) => ({ title, url, snippet: snippet ?? "" }))
})
