/** The layer graph above the database and the configuration: stores, then the server and its cleanup. */

import { Layer } from "effect"
import { ScheduledCleanup } from "./cleanup.ts"
import { ClientDocuments } from "./oauth/ClientDocuments.ts"
import { ScopeCatalogue } from "./oauth/ScopeCatalogue.ts"
import { SeedClient } from "./seed.ts"
import { Server } from "./server.ts"
import { AccessCache } from "./store/AccessCache.ts"
import { ClientRegistry } from "./store/ClientRegistry.ts"
import { ServerKeys } from "./store/ServerKeys.ts"
import { TokenStore } from "./store/TokenStore.ts"
import { tools } from "./tools/tools.ts"

/** Outside the server, so that its routes and the cleanup share one pool and one key ring. */
export const Stores = Layer.mergeAll(TokenStore.layer, ClientRegistry.layer, ServerKeys.layer).pipe(
  Layer.provide(AccessCache.layer)
)

/** What the protocol needs beside the stores. */
const Protocol = Layer.merge(ScopeCatalogue.layerOf(tools.map(({ scope }) => scope)), ClientDocuments.layer)

/** Everything that runs. The seeded client is there before the first request. */
export const App = Layer.mergeAll(Server, ScheduledCleanup).pipe(
  Layer.provide(SeedClient),
  Layer.provide(Protocol),
  Layer.provideMerge(Stores)
)
