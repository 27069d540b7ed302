/** Every scope that this server knows: those that its tools declare, and `offline_access`. */

import { Context, Layer } from "effect"
import { type Catalogue, OFFLINE_ACCESS, type Scope, TOOLS_CALL } from "./scope.ts"

export class ScopeCatalogue extends Context.Service<ScopeCatalogue, Catalogue>()("gatehouse/oauth/ScopeCatalogue") {
  /** From what the tools need. */
  static readonly layerOf = (declared: ReadonlyArray<Scope>) =>
    Layer.sync(
      ScopeCatalogue,
      () => new Map([TOOLS_CALL, ...declared, OFFLINE_ACCESS].map((scope) => [scope.name, scope]))
    )
}
