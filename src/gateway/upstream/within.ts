/** A wait with an end, also where one is ending: a finalizer is not interruptible, and a race in it waits for its loser. */

import { type Duration, Effect, Fiber } from "effect"

export const within = <A>(effect: Effect.Effect<A>, duration: Duration.Input): Effect.Effect<void> =>
  Effect.flatMap(Effect.forkDetach(Effect.timeoutOption(effect, duration)), (fiber) =>
    Effect.asVoid(Fiber.await(fiber))
  )
