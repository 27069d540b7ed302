/** The layer graph above the database and the configuration: stores, then the server and its cleanup. */

import { Layer } from "effect"
import { ClientDocuments } from "../oauth/clients/ClientDocuments.ts"
import { ClientRegistry } from "../oauth/clients/ClientRegistry.ts"
import { SeedClient } from "../oauth/clients/configured.ts"
import { TokenStore } from "../oauth/grants/TokenStore.ts"
import { ScopeCatalogue } from "../oauth/ScopeCatalogue.ts"
import { AccessCache } from "../oauth/tokens/Revocations.ts"
import { ServerKeys } from "../oauth/tokens/ServerKeys.ts"
import { tools } from "../toolsets/builtin/builtin.ts"
import { ScheduledCleanup } from "./cleanup.ts"
import { Server } from "./server.ts"

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
