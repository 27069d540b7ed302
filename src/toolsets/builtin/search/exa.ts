/** https://docs.exa.ai/reference/search */

import { Schema } from "effect"
import { Hits, provider } from "./provider.ts"

export const exa = provider({
  service: "Exa",
  baseUrl: "https://api.exa.ai",
  key: { header: "x-api-key" },
  request: ({ baseUrl, query, limit }) => ({
    url: `${baseUrl}/search`,
    body: { query, numResults: limit, contents: { text: { maxCharacters: 500 } } }
  }),
  answer: Schema.Struct({ results: Hits }),
  hits: ({ results }) => results,
  hit: Schema.Struct({
    title: Schema.optionalKey(Schema.NullOr(Schema.String)),
    url: Schema.String,
    text: Schema.optionalKey(Schema.NullOr(Schema.String))
  }),
  found: ({ title, url, text }) => ({ title: title ?? url, url, snippet: text ?? "" })
})
