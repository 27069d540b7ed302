/** The end of a session: told once, with a reason in words that follow the mount's title. */

import { Deferred, Effect } from "effect"

export interface Over {
  /** Nothing while it goes on. */
  readonly why: () => string | undefined
  readonly end: (why: string) => void
  readonly wait: Effect.Effect<string>
}

export const makeOver = (): Over => {
  const deferred = Deferred.makeUnsafe<string>()
  let reason: string | undefined
  return {
    why: () => reason,
    end: (why) => {
      reason ??= why
      Deferred.doneUnsafe(deferred, Effect.succeed(why))
    },
    wait: Deferred.await(deferred)
  }
}
