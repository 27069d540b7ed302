/** The sessions of all processes as one; those of this one where there is but one, which needs nothing of the rest of this room. */

import { Effect, Layer } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { Upstreams } from "../upstream/Upstreams.ts"

export const Routed = Layer.unwrap(
  Effect.flatMap(ServerConfig, ({ worker, workers, workerSockets }) =>
    workers === 1 || workerSockets === undefined
      ? Effect.succeed(Layer.effect(Upstreams, Upstreams))
      : Effect.map(
          Effect.promise(() => import("./routing.ts")),
          ({ layerRouted }) => layerRouted(workerSockets, worker, workers)
        )
  )
)
