/** Promises that were rejected while nobody waited for them. */

import { Effect, Layer } from "effect"

/** One of somebody's tool would end the process, and with it what everybody else is doing: it is an error in the log instead. */
export const HeedStrays = Layer.effectDiscard(
  Effect.gen(function* () {
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const heed = (reason: unknown) => {
      run(Effect.logError("a promise was rejected, and nobody waited for it", reason))
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => process.on("unhandledRejection", heed)),
      () => Effect.sync(() => process.off("unhandledRejection", heed))
    )
  })
)
