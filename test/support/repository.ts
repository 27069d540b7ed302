/** A copy of the repository to do things to: what is installed is linked, and what programs left behind stays behind. */

import { cpSync, symlinkSync } from "node:fs"
import { join, relative, sep } from "node:path"

const ROOT = join(import.meta.dirname, "../..")
const LEFT_OUT = new Set(["node_modules", ".git", ".data", ".env", "dist", "cache", ".screenshots"])

/** Into a folder that is there, or is made. */
export const copyRepository = (folder: string): void => {
  cpSync(ROOT, folder, {
    recursive: true,
    filter: (from) =>
      !relative(ROOT, from)
        .split(sep)
        .some((part) => LEFT_OUT.has(part))
  })
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"))
}
