// tools/delete-note.ts
import { ToolFailure, tool } from "gatehouse-server"
import { z } from "zod"
import { get, remove } from "./_notes.ts"

export default tool({
  name: "delete_note",
  title: "Delete a note",
  description: "Deletes a note of the person for good, after asking them. find_notes tells its id.",
  scope: { name: "notes.use", sentence: "Read, write and delete your notes." },
  hints: { readOnly: false, destructive: true, idempotent: true, openWorld: false },
  input: z.object({ id: z.int().describe("As find_notes tells it") }),
  run: async ({ id }, { person, elicit, log }) => {
    const words = get(person.id, id)
    if (words === undefined) throw new ToolFailure(`There is no note ${id}. find_notes lists those that there are.`)

    const answer = await elicit({
      message: `Delete the note "${words}"?`,
      schema: z.object({ sure: z.boolean().describe("Yes, delete it") })
    })
    if (answer.action !== "accept" || !answer.content.sure) return "The person wants to keep the note."

    remove(person.id, id)
    log("a note was deleted", { id })
    return "The note is deleted."
  }
})
