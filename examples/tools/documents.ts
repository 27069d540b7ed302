// tools/documents.ts
import { prompt, resource } from "gatehouse-server"
import { names, read } from "./_documents.ts"

const beginningWith = async (typed: string) => (await names()).filter((name) => name.startsWith(typed))

export const document = resource({
  uri: "documents://{name}",
  name: "document",
  title: "A document",
  mimeType: "text/markdown",
  list: async () => (await names()).map((name) => ({ uri: `documents://${encodeURIComponent(name)}`, name })),
  complete: { name: beginningWith },
  read: ({ name = "" }) => read(name)
})

export const explain = prompt({
  name: "explain_document",
  title: "Explain a document",
  description: "Explains a document to somebody who has never seen it.",
  arguments: {
    name: { title: "Document", complete: beginningWith },
    reader: { title: "For whom", required: false }
  },
  run: async ({ name = "", reader = "a newcomer" }) =>
    `Explain this document to ${reader}, in at most ten sentences:\n\n${(await read(name)) ?? "(there is none)"}`
})
