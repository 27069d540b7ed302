// tools/_documents.ts
import { readdir, readFile } from "node:fs/promises"
import { join } from "node:path"

const FOLDER = process.env.DOCUMENTS_DIR ?? "docs"

export const names = async () => (await readdir(FOLDER)).filter((name) => name.endsWith(".md")).sort()

/** A document by its name; nothing but what the folder lists, so that no name leads out of it. */
export const read = async (name: string, signal?: AbortSignal) =>
  (await names()).includes(name) ? readFile(join(FOLDER, name), { encoding: "utf8", signal }) : undefined
