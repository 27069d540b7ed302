/** How every program of ours begins and ends: a failure is a sentence on stderr and exit code 1, a command that is none 2, SIGTERM 0. */

import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Console, Effect, Exit, Layer, Predicate } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { Logging } from "../logging.ts"

/** The configuration, and logs as it says. */
export const Settings = Layer.provideMerge(Logging, ServerConfig.layer)

const sentenceOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error && error.message !== "" ? error.message : Cause.pretty(cause)
}

/** What was typed is no command; the parser has said so by then. */
const isMisuse = (cause: Cause.Cause<unknown>) => Predicate.isTagged(Cause.squash(cause), "ShowHelp")

/** Runs a program to its end. Typed failures carry a message meant for people; a defect keeps its stack. */
export const runProgram = <A, E>(program: Effect.Effect<A, E>): void =>
  program.pipe(
    Effect.tapCause((cause) => {
      if (Cause.hasInterruptsOnly(cause) || isMisuse(cause)) return Effect.void
      return Console.error(Cause.hasDies(cause) ? Cause.pretty(cause) : sentenceOf(cause))
    }),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit, done) =>
        done(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : isMisuse(exit.cause) ? 2 : 1)
    })
  )
