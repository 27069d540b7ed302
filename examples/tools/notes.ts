// tools/notes.ts
import { tool } from "gatehouse-server"
import { z } from "zod"
import { add, find } from "./_notes.ts"

const scope = { name: "notes.use", sentence: "Read, write and delete your notes." }

export const addNote = tool({
  name: "add_note",
  title: "Add a note",
  description: "Keeps a note for the person.",
  scope,
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  input: z.object({ words: z.string().min(1).max(2000) }),
  output: z.object({ id: z.int() }),
  run: ({ words }, { person }) => ({ id: add(person.id, words) })
})

export const findNotes = tool({
  name: "find_notes",
  title: "Find notes",
  description: "Finds notes that the person kept, by a word in them; all of them without one.",
  scope,
  hints: { readOnly: true, openWorld: false },
  input: z.object({ containing: z.string().default("") }),
  output: z.object({ notes: z.array(z.object({ id: z.int(), words: z.string() })) }),
  run: ({ containing }, { person }) => ({ notes: find(person.id, containing) })
})
