import { randomUUID } from "node:crypto"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MARK } from "../../support/mounts.ts"
import { marked, until, untilGone } from "../../support/processes.ts"
import { spawned, temporaryFolder } from "../../support/program.ts"

describe("the watchdog", () => {
  it.live(
    "ends children that hear nothing, what they started and their directories, when this server is killed outright",
    () =>
      Effect.gen(function* () {
        const mark = randomUUID()
        const folder = yield* temporaryFolder
        // If it does not do what it is for, nothing else would.
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            for (const pid of marked(MARK, mark)) process.kill(pid, "SIGKILL")
          })
        )
        const program = yield* spawned(
          [process.execPath, join(import.meta.dirname, "../../support/holdsChildren.ts"), MARK, mark],
          { PATH: process.env.PATH, TMPDIR: folder },
          process.cwd()
        )
        yield* until(() => program.output().includes("children are up"), program.output())
        assert.lengthOf(marked(MARK, mark), 3)
        program.process.kill("SIGKILL")
        yield* program.exited
        yield* untilGone(MARK, mark)
        // One is of the program itself: it was killed before it could remove it.
        yield* until(() => readdirSync(folder).length <= 1, "directories of children")
      }).pipe(Effect.scoped),
    60_000
  )
})
