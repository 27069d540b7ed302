/** How every program of ours ends: a failure is a sentence on stderr and exit code 1, SIGTERM is exit code 0. */

import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Console, Effect, Exit } from "effect"

const sentenceOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error && error.message !== "" ? error.message : Cause.pretty(cause)
}

/** Runs a program to its end. Typed failures carry a message meant for people; a defect keeps its stack. */
export const runProgram = <A, E>(program: Effect.Effect<A, E>): void =>
  program.pipe(
    Effect.tapCause((cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.void
      return Console.error(Cause.hasDies(cause) ? Cause.pretty(cause) : sentenceOf(cause))
    }),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit, done) => done(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
    })
  )
