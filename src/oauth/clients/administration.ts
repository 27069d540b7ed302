/** What an owner does with clients: a secret anew, and off or on. */

import { Effect, Schema } from "effect"
import { ClientRegistry } from "./ClientRegistry.ts"
import * as ClientSecret from "./secret.ts"

/** There is no such client, or it has no secret; `why` is for whoever asked. */
export class ClientUnfit extends Schema.TaggedError<ClientUnfit>()("ClientUnfit", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}

const known = Effect.fnUntraced(function* (clientId: string) {
  const registry = yield* ClientRegistry
  return (yield* registry.find(clientId)) ?? (yield* new ClientUnfit({ why: `there is no client ${clientId}` }))
})

/** A new secret, shown once; the old one is worth nothing from then on. */
export const renewSecret = Effect.fn("clients.renewSecret")(function* (clientId: string) {
  const registry = yield* ClientRegistry
  const client = yield* known(clientId)
  if (client.secret === undefined) return yield* new ClientUnfit({ why: `${clientId} is a client without a secret` })
  const secret = ClientSecret.generate()
  yield* registry.save({ ...client, secret: yield* ClientSecret.hash(secret) })
  return secret
})

/** A client that is off gets no tokens, and those that it has are refused, everywhere with the next request. */
export const setDisabled = Effect.fn("clients.setDisabled")(function* (clientId: string, isDisabled: boolean) {
  yield* known(clientId)
  yield* (yield* ClientRegistry).setDisabled(clientId, isDisabled)
})
