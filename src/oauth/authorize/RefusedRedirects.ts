/**
 * The redirect URIs that were refused lately, as they were sent: an operator who connects an app has to see the one that it
 * really uses. In this process's memory, since a refused request writes nothing; told for as long as events are.
 */

import { Clock, Context, Effect, Layer } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"

const KEPT = 50
const LONGEST = 512
const DAY_MS = 86_400_000

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
  static readonly layer = Layer.effect(
    RefusedRedirects,
    Effect.map(ServerConfig, ({ eventsRetentionDays }) => {
      const kept: Array<RefusedRedirect> = []
      return RefusedRedirects.of({
        note: Effect.fnUntraced(function* (clientId: string, redirectUri: string) {
          const at = new Date(yield* Clock.currentTimeMillis)
          kept.unshift({ at, clientId: clientId.slice(0, LONGEST), redirectUri: redirectUri.slice(0, LONGEST) })
          kept.length = Math.min(kept.length, KEPT)
        }),
        recent: Effect.map(Clock.currentTimeMillis, (now) =>
          kept.filter(({ at }) => now - at.getTime() < eventsRetentionDays * DAY_MS)
        )
      })
    })
  )
}
