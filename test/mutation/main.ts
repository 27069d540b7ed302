/**
 * `npm run mutation`: breaks the code in one place at a time, in a copy of the project, and runs the tests that should
 * notice. A change that they all survive is printed, and ends the program with 1. Names or numbers select some of them.
 */

import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { copyRepository } from "../support/repository.ts"
import { sabotages } from "./sabotages.ts"

const ROOT = join(import.meta.dirname, "../..")

const copy = mkdtempSync(join(tmpdir(), "gatehouse-mutation-"))
process.once("exit", () => rmSync(copy, { recursive: true, force: true }))
copyRepository(copy)

const ENDLESS = "it waits for what does not come any more"

/** The first test that fails; nothing when all pass. It has so long, since code that was broken may wait without end. */
const failureOf = (tests: ReadonlyArray<string>, milliseconds?: number) =>
  new Promise<string | undefined>((resolve) => {
    const run = spawn(process.execPath, [join(ROOT, "node_modules/vitest/vitest.mjs"), "run", ...tests], {
      cwd: copy,
      // A group of its own, so that what the tests have started ends with them.
      detached: true,
      env: { ...process.env, NO_COLOR: "1" }
    })
    const end = () => {
      if (run.pid !== undefined && run.exitCode === null) process.kill(-run.pid, "SIGKILL")
    }
    process.once("exit", end)
    const timer = milliseconds === undefined ? undefined : setTimeout(end, milliseconds)
    let output = ""
    for (const stream of [run.stdout, run.stderr]) stream.on("data", (chunk) => (output += chunk))
    run.once("close", (code) => {
      clearTimeout(timer)
      process.off("exit", end)
      if (code === 0) return resolve(undefined)
      resolve(code === null ? ENDLESS : (/FAIL .*? > (.+)/.exec(output)?.[1] ?? "the run itself"))
    })
  })

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1))

const selected = process.argv.slice(2)
/** How long tests took that passed, in milliseconds. */
const sound = new Map<string, number>()
const survivors: Array<string> = []
for (const { name, file, find, replace, tests } of sabotages) {
  if (selected.length > 0 && !selected.some((word) => name.includes(word))) continue
  // Untouched they pass, so what fails afterwards has noticed something.
  if (!sound.has(tests.join())) {
    const began = performance.now()
    const failure = await failureOf(tests)
    if (failure !== undefined) throw new Error(`${tests.join(", ")} fail untouched: ${failure}`)
    sound.set(tests.join(), performance.now() - began)
  }
  const path = join(copy, "src", file)
  const original = readFileSync(path, "utf8")
  const places = original.split(find).length - 1
  if (places !== 1) throw new Error(`${name}: what is to be replaced stands ${places} times in src/${file}`)
  writeFileSync(
    path,
    original.replace(find, () => replace)
  )
  const noticed = await failureOf(tests, 60_000 + 10 * (sound.get(tests.join()) ?? 0))
  writeFileSync(path, original)
  if (noticed === undefined) survivors.push(name)
  console.log(noticed === undefined ? `SURVIVED  ${name}` : `noticed   ${name}\n            by: ${noticed}`)
}
console.log(`${survivors.length} survived`)
process.exitCode = survivors.length === 0 ? 0 : 1
