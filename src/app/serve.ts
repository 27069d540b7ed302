/** The server within a program of somebody else's. */

import { Effect, Exit, Layer, Scope } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { Given } from "../toolsets/own/own.ts"
import { Otlp, Server } from "./app.ts"
import { Logging } from "./logging.ts"

export interface ServeOptions extends Given {
  /** The variables that would stand in the environment; then neither that nor `.env` is read. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Served {
  /** Where it is known. */
  readonly url: string
  /** Ends it: what has begun is answered first. */
  readonly close: () => Promise<void>
}

export type Serve = (options?: ServeOptions) => Promise<Served>

const started = ({ env, ...given }: ServeOptions) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const config = env === undefined ? ServerConfig.layer : ServerConfig.layerOf(env)
    const layer = Server(given).pipe(Layer.provideMerge(Otlp), Layer.provideMerge(Logging), Layer.provideMerge(config))
    const context = yield* Layer.buildWithScope(layer, scope).pipe(
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
    const { issuer } = yield* Effect.provideContext(ServerConfig, context)
    return { url: issuer, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
  })

export const serve: Serve = (options = {}) => Effect.runPromise(started(options))
