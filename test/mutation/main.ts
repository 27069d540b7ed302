/**
 * `npm run mutation`: breaks the code in one place at a time, in a copy of the project, and runs the tests that should
 * notice. A change that they all survive is printed, and ends the program with 1. Names or numbers select some of them.
 */

import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sabotages } from "./sabotages.ts"

const ROOT = join(import.meta.dirname, "../..")
const COPIED = ["src", "test", "supabase", "bench/src", "package.json", "tsconfig.json", "vitest.config.ts"]

const copy = mkdtempSync(join(tmpdir(), "gatehouse-mutation-"))
process.once("exit", () => rmSync(copy, { recursive: true, force: true }))
for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true })
symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"))

/** Code that was broken may wait without end. No test file takes a tenth of this. */
const ENDLESS_MS = 10 * 60_000

/** The first test that fails; nothing when all pass. */
const failureOf = (tests: ReadonlyArray<string>): string | undefined => {
  const run = spawnSync(process.execPath, [join(ROOT, "node_modules/vitest/vitest.mjs"), "run", ...tests], {
    cwd: copy,
    encoding: "utf8",
    timeout: ENDLESS_MS,
    killSignal: "SIGKILL",
    env: { ...process.env, NO_COLOR: "1" }
  })
  if (run.status === 0) return undefined
  if (run.signal !== null) return "it waits for what does not come any more"
  return /FAIL .*? > (.+)/.exec(run.stdout + run.stderr)?.[1] ?? "the run itself"
}

const selected = process.argv.slice(2)
const sound = new Set<string>()
const survivors: Array<string> = []
for (const { name, file, find, replace, tests } of sabotages) {
  if (selected.length > 0 && !selected.some((word) => name.includes(word))) continue
  // Untouched they pass, so what fails afterwards has noticed something.
  if (!sound.has(tests.join())) {
    const failure = failureOf(tests)
    if (failure !== undefined) throw new Error(`${tests.join(", ")} fail untouched: ${failure}`)
    sound.add(tests.join())
  }
  const path = join(copy, "src", file)
  const original = readFileSync(path, "utf8")
  const places = original.split(find).length - 1
  if (places !== 1) throw new Error(`${name}: what is to be replaced stands ${places} times in src/${file}`)
  writeFileSync(
    path,
    original.replace(find, () => replace)
  )
  const noticed = failureOf(tests)
  writeFileSync(path, original)
  if (noticed === undefined) survivors.push(name)
  console.log(noticed === undefined ? `SURVIVED  ${name}` : `noticed   ${name}\n            by: ${noticed}`)
}
console.log(`${survivors.length} survived`)
process.exitCode = survivors.length === 0 ? 0 : 1
