/** The server as a program: the layer graph, launched, in as many processes as `WORKERS` says. */

import { Console, Effect, Layer } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import * as Database from "../database/connect.ts"
import { PublicWeb } from "../net/PublicWeb.ts"
import * as Tools from "../toolsets/builtin/builtin.ts"
import { App } from "./app.ts"
import { Logging } from "./logging.ts"
import { runProgram } from "./programs/runProgram.ts"
import { welcome } from "./welcome.ts"
import { isWorker, supervise } from "./workers.ts"

const Welcome = Layer.effectDiscard(
  Effect.gen(function* () {
    const config = yield* ServerConfig
    yield* Effect.logInfo("listening").pipe(
      Effect.annotateLogs({ host: config.host, port: config.port, base_url: config.issuer })
    )
    if (config.worker === 1) yield* Console.log(welcome(config))
  })
)

const serve = Welcome.pipe(
  Layer.provide(App),
  Layer.provide(Tools.layer),
  Layer.provide(PublicWeb.layer),
  Layer.provide(Database.layer),
  Layer.launch
)

const program = Effect.gen(function* () {
  const { workers } = yield* ServerConfig
  if (workers > 1 && !isWorker) return yield* supervise(workers)
  return yield* serve
})

program.pipe(Effect.provide(Layer.provideMerge(Logging, ServerConfig.layer)), runProgram)
