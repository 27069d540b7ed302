/**
 * The redirect URIs that were refused lately, as they were sent: an operator who connects an app has to see the one that it
 * really uses. In this process's memory, since a refused request writes nothing.
 */

import { Clock, Context, Effect, Layer } from "effect"

const KEPT = 50
const LONGEST = 512

export interface RefusedRedirect {
  readonly at: Date
  readonly clientId: string
  readonly redirectUri: string
}

export class RefusedRedirects extends Context.Service<
  RefusedRedirects,
  {
    readonly note: (clientId: string, redirectUri: string) => Effect.Effect<void>
    /** The newest first. */
    readonly recent: Effect.Effect<ReadonlyArray<RefusedRedirect>>
  }
>()("gatehouse/oauth/RefusedRedirects") {
  static readonly layer = Layer.sync(RefusedRedirects, () => {
    const kept: Array<RefusedRedirect> = []
    return RefusedRedirects.of({
      note: Effect.fnUntraced(function* (clientId: string, redirectUri: string) {
        const at = new Date(yield* Clock.currentTimeMillis)
        kept.unshift({ at, clientId: clientId.slice(0, LONGEST), redirectUri: redirectUri.slice(0, LONGEST) })
        kept.length = Math.min(kept.length, KEPT)
      }),
      recent: Effect.sync(() => [...kept])
    })
  })
}
