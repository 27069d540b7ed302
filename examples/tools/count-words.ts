// tools/count-words.ts
import { tool } from "gatehouse-server"

export default tool({
  name: "count_words",
  title: "Count words",
  description: "Counts the words of a text, as its language has them.",
  hints: { readOnly: true, idempotent: true, openWorld: false },
  input: {
    type: "object",
    properties: {
      text: { type: "string", maxLength: 100_000 },
      language: { type: "string", pattern: "^[a-z]{2}$", default: "en" }
    },
    required: ["text"],
    additionalProperties: false
  },
  run: ({ text, language = "en" }) => {
    const segments = new Intl.Segmenter(String(language), { granularity: "word" }).segment(String(text))
    return { words: [...segments].filter(({ isWordLike }) => isWordLike).length }
  }
})
