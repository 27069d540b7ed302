/**
 * `node scripts/lean.ts <folder>`: leaves what runs, for the image. Types, maps and sources go; so do comments, since V8 keeps the text
 * of every module that is loaded, with two bytes a character where one of them is not Latin-1. Licences and notices stay, and so does CommonJS as it
 * is: what it exports Node reads off its text.
 */

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { transformSync } from "esbuild"

const NEVER_RUNS = /\.(?:map|[cm]?ts|tsx|md)$/i
/** What whoever passes a package on has to pass on with it. */
const LICENCE = /^(?:licen[cs]e|notice|copying|copyright)/i
const RUNS = /\.m?js$/
/** Of a file that is certainly an ES module. */
const IS_MODULE = /^(?:import|export)[ {*"]/m

const [folder = ""] = process.argv.slice(2)
for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue
  const file = join(entry.parentPath, entry.name)
  if (NEVER_RUNS.test(entry.name) && !LICENCE.test(entry.name)) rmSync(file)
  else if (RUNS.test(entry.name)) {
    const text = readFileSync(file, "utf8")
    if (IS_MODULE.test(text))
      writeFileSync(file, transformSync(text, { target: "esnext", legalComments: "inline" }).code)
  }
}
