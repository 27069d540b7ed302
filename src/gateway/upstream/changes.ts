/** Mounts that say that their lists are others now: told once for all that they say within a while. */

import { Clock, Effect, PubSub, Stream } from "effect"

const AT_LEAST_MS = 500
/** However often it says so. */
const EVERY_MS = 10_000
const HELD = 256

export const makeChanges = Effect.fn("makeChanges")(function* () {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const told = yield* PubSub.sliding<string>(HELD)
  const waiting = new Set<string>()
  const last = new Map<string, number>()
  const run = Effect.runForkWith(yield* Effect.context<never>())

  const tell = (mount: string) =>
    Effect.suspend(() => {
      waiting.delete(mount)
      last.set(mount, clock.currentTimeMillisUnsafe())
      return PubSub.publish(told, mount)
    })

  return {
    changes: Stream.fromPubSub(told),
    onListChanged: (mount: string) => {
      if (waiting.has(mount)) return
      waiting.add(mount)
      const since = clock.currentTimeMillisUnsafe() - (last.get(mount) ?? Number.NEGATIVE_INFINITY)
      const wait = Math.max(AT_LEAST_MS, EVERY_MS - since)
      run(Effect.forkIn(Effect.andThen(Effect.sleep(wait), tell(mount)), scope))
    }
  }
})
