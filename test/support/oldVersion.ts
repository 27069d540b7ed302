/** The program as it was at a commit. */

import { execFileSync } from "node:child_process"
import { mkdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { spawned, temporaryFolder } from "./program.ts"

const ROOT = join(import.meta.dirname, "../..")

export const git = (...args: ReadonlyArray<string>) =>
  execFileSync("git", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()

/** Starts an entry of the program as it was at a commit, with the packages of today. */
export const checkedOut = Effect.fn("test.checkedOut")(function* (commit: string) {
  const folder = join(yield* temporaryFolder, "old")
  mkdirSync(folder)
  const archive = execFileSync("git", ["archive", commit, "src", "supabase", "package.json"], {
    cwd: ROOT,
    maxBuffer: 2 ** 28
  })
  execFileSync("tar", ["-x", "-C", folder], { input: archive })
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"))
  return (entry: string, environment: Readonly<Record<string, string>>) =>
    spawned([process.execPath, join(folder, "src", entry)], { PATH: process.env.PATH, ...environment }, folder)
})
