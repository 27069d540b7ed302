/** The shutdown as the rest of the server sees it. */

import { Context, Deferred, Effect, Layer } from "effect"

/** A balancer asks every few seconds. */
const TELL_WITHIN = "5 seconds"

export class Draining extends Context.Service<
  Draining,
  {
    /** Done when shutdown begins: what is asked is still answered, connections end with their answer, and so do streams. */
    readonly begun: Deferred.Deferred<void>
    readonly isBegun: () => boolean
    /** Somebody asked whether the server is ready, and was told so or not. */
    readonly asked: (isReady: boolean) => void
    /** Waits until whoever watches the server has been told to send nobody here. */
    readonly told: Effect.Effect<void>
  }
>()("gatehouse/web/Draining") {
  static readonly layer = Layer.effect(
    Draining,
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const told = yield* Deferred.make<void>()
      let readies = 0
      return Draining.of({
        begun,
        isBegun: () => Deferred.isDoneUnsafe(begun),
        asked: (isReady) => {
          if (isReady) readies++
          else if (Deferred.isDoneUnsafe(begun)) Deferred.doneUnsafe(told, Effect.void)
        },
        // Who waited for the start is content with one yes; who asks again watches.
        told: Effect.suspend(() =>
          readies < 2 ? Effect.void : Effect.asVoid(Effect.timeoutOption(Deferred.await(told), TELL_WITHIN))
        )
      })
    })
  )
}
