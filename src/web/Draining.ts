/** The shutdown as the rest of the server sees it. */

import { Context, Deferred, Layer } from "effect"

/** Done when shutdown begins: requests in flight finish, new ones are told to go elsewhere, streams end. */
export class Draining extends Context.Service<Draining, Deferred.Deferred<void>>()("gatehouse/web/Draining") {
  static readonly layer = Layer.effect(Draining, Deferred.make<void>())
}
