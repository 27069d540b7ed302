/** `npm run -s admin -- …`: everything that an owner does on the pages, at the command line. */

import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { version } from "../../config/version.ts"
import * as Database from "../../database/connect.ts"
import { ClientRegistry } from "../../oauth/clients/ClientRegistry.ts"
import { TokenStore } from "../../oauth/grants/TokenStore.ts"
import { Revocations } from "../../oauth/tokens/Revocations.ts"
import { ServerKeys } from "../../oauth/tokens/ServerKeys.ts"
import { ConsentStore } from "../../people/ConsentStore.ts"
import { People } from "../../people/People.ts"
import { apps } from "./admin/apps.ts"
import { clients, keys } from "./admin/clients.ts"
import { events } from "./admin/events.ts"
import { owner, people } from "./admin/people.ts"
import { runProgram, Settings } from "./runProgram.ts"

const Services = Layer.mergeAll(
  People.layer,
  ConsentStore.layer,
  TokenStore.layer,
  ClientRegistry.layer,
  ServerKeys.layer
).pipe(Layer.provide(Revocations.layer), Layer.provideMerge(Database.layer), Layer.provideMerge(Settings))

Command.make("admin").pipe(
  Command.withDescription("Look after the people, the apps and the keys of this server"),
  Command.withSubcommands([people, apps, clients, events, keys, owner]),
  Command.provide(Services),
  Command.run({ version }),
  Effect.provide(NodeServices.layer),
  runProgram
)
