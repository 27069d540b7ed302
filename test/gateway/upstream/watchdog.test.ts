import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { MARK } from "../../support/mounts.ts"
import { marked, until, untilGone } from "../../support/processes.ts"
import { spawned } from "../../support/program.ts"

describe("the watchdog", () => {
  it.live("ends children that hear nothing, and what they started, when this server is killed outright", () =>
    Effect.gen(function* () {
      const mark = randomUUID()
      const program = yield* spawned(
        [process.execPath, join(import.meta.dirname, "../../support/holdsChildren.ts"), MARK, mark],
        { PATH: process.env.PATH },
        process.cwd()
      )
      yield* until(() => program.output().includes("children are up"), program.output())
      assert.lengthOf(marked(MARK, mark), 3)
      program.process.kill("SIGKILL")
      yield* program.exited
      yield* untilGone(MARK, mark)
    }).pipe(Effect.scoped)
  )
})
