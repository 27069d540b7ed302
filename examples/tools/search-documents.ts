// tools/search-documents.ts
import { tool } from "gatehouse-server"
import { z } from "zod"
import { names, read } from "./_documents.ts"

export default tool({
  name: "search_documents",
  title: "Search the documents",
  description: "Looks through all documents for a word, and tells the lines that it is in.",
  hints: { readOnly: true, openWorld: false },
  timeout: "5 minutes",
  limits: { perPerson: 1 },
  input: z.object({ word: z.string().min(2) }),
  output: z.object({ lines: z.array(z.object({ document: z.string(), line: z.int(), text: z.string() })) }),
  run: async ({ word }, { progress, signal }) => {
    const all = await names()
    const lines = []
    for (const [done, document] of all.entries()) {
      signal.throwIfAborted()
      progress(done, all.length, document)
      const text = (await read(document, signal)) ?? ""
      for (const [index, line] of text.split("\n").entries()) {
        if (line.toLowerCase().includes(word.toLowerCase())) lines.push({ document, line: index + 1, text: line })
      }
    }
    progress(all.length, all.length)
    return { lines: lines.slice(0, 100) }
  }
})
