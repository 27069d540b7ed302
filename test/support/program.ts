/** Our programs as processes: started as a person would, watched, and ended. */

import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { Effect } from "effect"

const ROOT = join(import.meta.dirname, "../..")
const TSX = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href

export interface Program {
  readonly process: ChildProcess
  /** All that it has said so far, on both streams. */
  readonly output: () => string
  readonly exited: Effect.Effect<number | null>
}

/** A folder that goes with the scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gatehouse-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Starts a command in a folder; killed with the scope. */
export const spawned = (
  command: ReadonlyArray<string>,
  environment: Readonly<Record<string, string | undefined>>,
  cwd: string
) =>
  Effect.acquireRelease(
    Effect.sync((): Program => {
      const [file = "", ...args] = command
      const child = spawn(file, args, { cwd, env: environment, stdio: ["ignore", "pipe", "pipe"] })
      let output = ""
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk) => {
          output += chunk
        })
      }
      const closed = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)))
      return { process: child, output: () => output, exited: Effect.promise(() => closed) }
    }),
    ({ process: child, exited }) =>
      child.exitCode === null && child.signalCode === null
        ? Effect.andThen(
            Effect.sync(() => child.kill("SIGKILL")),
            exited
          )
        : Effect.void
  )

/** Starts `src/<entry>` under plain node, or under tsx; killed with the scope. */
export const start = (
  entry: string,
  environment: Readonly<Record<string, string>>,
  options: {
    readonly runner?: "node" | "tsx"
    readonly args?: ReadonlyArray<string>
    /** Files, and so connections, that it may have open. */
    readonly openFiles?: number
  } = {}
) => {
  const runner = options.runner === "tsx" ? ["--import", TSX] : []
  const command = [process.execPath, ...runner, join(ROOT, "src", entry), ...(options.args ?? [])]
  const limited = options.openFiles === undefined ? "" : `ulimit -n ${options.openFiles};`
  // Somewhere else than the checkout, so that no .env of a developer reaches the test.
  return spawned(
    ["/bin/sh", "-c", `${limited} exec "$@"`, "sh", ...command],
    { PATH: process.env.PATH ?? "", ...environment },
    tmpdir()
  )
}

/** Runs a program to its end. */
export const run = Effect.fn("test.run")(function* (
  entry: string,
  environment: Readonly<Record<string, string>>,
  args: ReadonlyArray<string> = []
) {
  const program = yield* start(entry, environment, { args })
  const code = yield* program.exited
  return { code, output: program.output() }
}, Effect.scoped)

/**
 * Waits until a server answers `/readyz` with 200, for as long as its process lives: a busy machine may take half a minute,
 * and how long is too long is for the test to say.
 */
export const ready = Effect.fn("test.ready")(function* (baseUrl: string, program: Program) {
  const { process: child } = program
  while (child.exitCode === null && child.signalCode === null) {
    const status = yield* Effect.promise(() =>
      fetch(`${baseUrl}/readyz`).then(
        (response) => response.status,
        () => 0
      )
    )
    if (status === 200) return
    yield* Effect.sleep("50 millis")
  }
  return yield* Effect.die(new Error(`the server did not get ready:\n${program.output()}`))
})

/** Waits until a program has said something, for as long as it lives; then what it said. */
export const said = Effect.fn("test.said")(function* (program: Program, pattern: RegExp) {
  const { process: child, output } = program
  for (;;) {
    const found = pattern.exec(output())
    if (found !== null) return found
    if (child.exitCode !== null || child.signalCode !== null) break
    yield* Effect.sleep("20 millis")
  }
  return yield* Effect.die(new Error(`it ended without a word of ${pattern}:\n${output()}`))
})
