/** `npm run keys:rotate`: adds a server key. Running servers learn of it within a minute and then sign with it. */

import { Console, Effect, Layer } from "effect"
import * as Database from "../../database/connect.ts"
import { ServerKeys } from "../../oauth/tokens/ServerKeys.ts"
import { runProgram, Settings } from "./runProgram.ts"

const program = Effect.gen(function* () {
  const keys = yield* ServerKeys
  const id = yield* keys.rotate
  yield* Console.log(
    id === undefined
      ? "all 256 key ids are taken; delete the oldest rows of mcp.server_keys first"
      : `added key ${id}: it signs from two minutes on, and the older keys go on verifying`
  )
})

program.pipe(
  Effect.provide(ServerKeys.layer.pipe(Layer.provide(Database.layer), Layer.provideMerge(Settings))),
  runProgram
)
