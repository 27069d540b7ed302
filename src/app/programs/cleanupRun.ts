/** `npm run cleanup:run`: one pass of the cleanup, its counts on stdout. */

import { Console, Effect, Layer, Option } from "effect"
import * as Database from "../../database/connect.ts"
import { MaintenanceStore } from "../../database/MaintenanceStore.ts"
import { ClientRegistry } from "../../oauth/clients/ClientRegistry.ts"
import { TokenStore } from "../../oauth/grants/TokenStore.ts"
import { Revocations } from "../../oauth/tokens/Revocations.ts"
import { People } from "../../people/People.ts"
import { UsageStore } from "../../telemetry/usage/UsageStore.ts"
import { cleanUpAlone } from "../cleanup.ts"
import { runProgram, Settings } from "./runProgram.ts"

const program = Effect.gen(function* () {
  const pass = yield* cleanUpAlone
  if (Option.isNone(pass)) return yield* Console.log("another instance is cleaning up: nothing was done here")
  const swept = pass.value
  yield* Console.log(
    `removed ${swept.authorizationCodes} authorization codes, ${swept.accessTokens} access tokens, ` +
      `${swept.refreshTokens} refresh tokens, ${swept.sessions} sessions, ${swept.decisions} answered forms, ` +
      `${swept.clients} unused clients, ` +
      `${swept.browserSessions} browser sessions, ${swept.links} links, ${swept.ceremonies} begun sign-ins, ` +
      `${swept.serverSignIns} at other servers, ${swept.usage} rows of usage, ${swept.events} events`
  )
})

program.pipe(
  Effect.provide(
    Layer.mergeAll(TokenStore.layer, ClientRegistry.layer, People.layer, MaintenanceStore.layer, UsageStore.layer).pipe(
      Layer.provide(Revocations.layer),
      Layer.provideMerge(Database.layer),
      Layer.provideMerge(Settings)
    )
  ),
  runProgram
)
