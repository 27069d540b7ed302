/** The server: `npm start`. */

import { Console, Effect, Layer } from "effect"
import { App } from "./app.ts"
import { ServerConfig } from "./config/ServerConfig.ts"
import { Logging } from "./logging.ts"
import { PublicWeb } from "./net/PublicWeb.ts"
import { runProgram } from "./programs/runProgram.ts"
import * as Database from "./store/database.ts"
import * as Tools from "./tools/tools.ts"
import { welcome } from "./welcome.ts"

const Welcome = Layer.effectDiscard(
  Effect.gen(function* () {
    const config = yield* ServerConfig
    yield* Effect.logInfo("listening").pipe(
      Effect.annotateLogs({ host: config.host, port: config.port, base_url: config.issuer })
    )
    yield* Console.log(welcome(config))
  })
)

Welcome.pipe(
  Layer.provide(App),
  Layer.provide(Tools.layer),
  Layer.provide(PublicWeb.layer),
  Layer.provide(Database.layer),
  Layer.provideMerge(Logging),
  Layer.provide(ServerConfig.layer),
  Layer.launch,
  runProgram
)
