/** What goes on in the background of a server, for as long as it runs. */

import { Cause, Effect } from "effect"

/**
 * However `effect` ended, a defect included, that is told and over, so that whoever repeats it goes on: a fiber that
 * nobody waits for would end without a word. Being interrupted is no failure.
 */
export const orTell =
  (what: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<void, never, R> =>
    effect.pipe(
      Effect.asVoid,
      Effect.catchCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logWarning(what, cause)))
    )
