/** A program of ours that has children of mounts, and is killed by a test. */

import { Effect } from "effect"
import { misbehaving, upstreams } from "./mounts.ts"

const program = Effect.gen(function* () {
  const up = yield* upstreams()
  const [, , name = "", mark = ""] = process.argv
  const env = { [name]: mark }
  const stubborn = ["ignores SIGTERM", "ignores the end of stdin", "starts a grandchild"] as const
  yield* Effect.all(
    [
      up.call(misbehaving([], { name: "one" }, env), "echo"),
      up.call(misbehaving(stubborn, { name: "two" }, env), "echo"),
      up.call(misbehaving(stubborn, { name: "three" }, env), "echo")
    ],
    { concurrency: "unbounded" }
  )
  // One that is gone already is nobody's business when we are.
  yield* up.restart("two")
  yield* Effect.sync(() => process.stdout.write("children are up\n"))
  yield* Effect.never
}).pipe(Effect.scoped)

if (import.meta.main) Effect.runFork(program)
