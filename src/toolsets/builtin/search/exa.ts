/** https://docs.exa.ai/reference/search */

import { Schema } from "effect"
import { provider } from "./provider.ts"

export const exa = provider({
  service: "Exa",
  baseUrl: "https://api.exa.ai",
  key: { header: "x-api-key" },
  request: ({ baseUrl, query, limit }) => ({
    url: `${baseUrl}/search`,
    body: { query, numResults: limit, contents: { text: { maxCharacters: 500 } } }
  }),
  answer: Schema.Struct({
    results: Schema.Array(
      Schema.Struct({
        title: Schema.optionalKey(Schema.NullOr(Schema.String)),
        url: Schema.String,
        text: Schema.optionalKey(Schema.NullOr(Schema.String))
      })
    )
  }),
  results: ({ results }) => results.map(({ title, url, text }) => ({ title: title ?? url, url, snippet: text ?? "" }))
})
