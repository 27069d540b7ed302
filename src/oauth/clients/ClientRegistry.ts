/** The clients that this server knows, and those that are gone. */

import { Clock, Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { operation, type StoreUnavailable } from "../../database/query.ts"
import { EVERYTHING, Revocations } from "../tokens/Revocations.ts"
import type { Client } from "./client.ts"
import { makeClients, type Registration } from "./clients.sql.ts"
import type { EffectiveMetadata } from "./metadata.ts"

/** Clients in memory, for the token endpoint. */
const KEPT = 1000

export class ClientRegistry extends Context.Service<
  ClientRegistry,
  {
    readonly find: (clientId: string) => Effect.Effect<Client | undefined, StoreUnavailable>
    /** At most so many: the configured ones and the documents first. */
    readonly list: (limit: number) => Effect.Effect<ReadonlyArray<Client>, StoreUnavailable>
    readonly setDisabled: (clientId: string, isDisabled: boolean) => Effect.Effect<void, StoreUnavailable>
    /** Registers a client, or replaces what is known of it. Its sessions go on. */
    readonly save: (client: Client) => Effect.Effect<void, StoreUnavailable>
    /**
     * Keeps what a document said of a client to whom somebody has just consented; `snapshot` is the day of the copy that
     * stood in for it. A copy replaces nothing that is known, and no document what the operator or the client wrote.
     */
    readonly remember: (client: Client, snapshot: string | undefined) => Effect.Effect<void, StoreUnavailable>
    /** Registers a client dynamically; when the database says that it did. */
    readonly register: (
      client: Client,
      metadata: EffectiveMetadata,
      registrationTokenHash: Uint8Array
    ) => Effect.Effect<Date, StoreUnavailable>
    /** The registration that a registration access token is for. */
    readonly findRegistration: (
      clientId: string,
      registrationTokenHash: Uint8Array
    ) => Effect.Effect<Registration | undefined, StoreUnavailable>
    /** Replaces what a dynamically registered client says of itself; its id, secret and sessions stay. */
    readonly update: (client: Client, metadata: EffectiveMetadata) => Effect.Effect<void, StoreUnavailable>
    /** Deletes a client with its codes, sessions and tokens, and remembers its id. */
    readonly remove: (clientId: string, reason: string) => Effect.Effect<void, StoreUnavailable>
    /** Whether there was such a client. */
    readonly wasRemoved: (clientId: string) => Effect.Effect<boolean, StoreUnavailable>
    /** Spends an assertion; `false` when it had been spent before. */
    readonly spendAssertion: (
      clientId: string,
      jtiHash: Uint8Array,
      expiresAt: Date
    ) => Effect.Effect<boolean, StoreUnavailable>
    /**
     * Deletes at most `batch` dynamic clients that nobody uses, of deleted ids that nobody need remember, and of expired
     * assertions, and counts the clients.
     */
    readonly sweep: (batch: number) => Effect.Effect<number, StoreUnavailable>
  }
>()("gatehouse/oauth/ClientRegistry") {
  static readonly layer = Layer.effect(
    ClientRegistry,
    Effect.gen(function* () {
      const clients = makeClients(yield* SqlClient.SqlClient)
      const revocations = yield* Revocations
      const memory = revocations.memory<Client>(KEPT)

      const find = Effect.fnUntraced(function* (clientId: string) {
        const now = yield* Clock.currentTimeMillis
        const known = memory.recall(clientId, now)
        if (known !== undefined) return known
        const epoch = revocations.epoch()
        const client = yield* clients.find(clientId)
        const fate = { about: clientId, epoch, remaining: Number.POSITIVE_INFINITY, now }
        if (client !== undefined) memory.keep(clientId, client, fate)
        return client
      }, operation)

      /** A change that is not undone when the caller hangs up, and known here as soon as it is made. */
      const changing =
        (about: string) =>
        <A, E, R>(change: Effect.Effect<A, E, R>) =>
          revocations.telling<A>(about)(Effect.uninterruptible(change))

      return ClientRegistry.of({
        find,
        list: Effect.fn("ClientRegistry.list")((limit) => operation(clients.list(limit))),
        setDisabled: Effect.fn("ClientRegistry.setDisabled")((clientId, isDisabled) =>
          operation(clients.setDisabled(clientId, isDisabled)).pipe(Effect.asVoid, changing(EVERYTHING))
        ),
        save: Effect.fn("ClientRegistry.save")((client) =>
          operation(clients.save(client)).pipe(Effect.asVoid, changing(client.clientId))
        ),
        remember: Effect.fn("ClientRegistry.remember")((client, snapshot) =>
          operation(clients.remember(client, snapshot !== undefined)).pipe(Effect.asVoid, changing(client.clientId))
        ),
        register: Effect.fn("ClientRegistry.register")((client, metadata, tokenHash) =>
          Effect.uninterruptible(operation(clients.register(client, metadata, tokenHash)))
        ),
        findRegistration: Effect.fn("ClientRegistry.findRegistration")((clientId, tokenHash) =>
          operation(clients.findRegistration(clientId, tokenHash))
        ),
        update: Effect.fn("ClientRegistry.update")((client, metadata) =>
          operation(clients.update(client, metadata)).pipe(Effect.asVoid, changing(client.clientId))
        ),
        remove: Effect.fn("ClientRegistry.remove")((clientId, reason) =>
          operation(clients.remove(clientId, reason)).pipe(Effect.asVoid, changing(EVERYTHING))
        ),
        wasRemoved: Effect.fn("ClientRegistry.wasRemoved")((clientId) => operation(clients.wasRemoved(clientId))),
        spendAssertion: Effect.fn("ClientRegistry.spendAssertion")((clientId, jtiHash, expiresAt) =>
          Effect.uninterruptible(operation(clients.spendAssertion(clientId, jtiHash, expiresAt)))
        ),
        sweep: Effect.fn("ClientRegistry.sweep")((batch) => operation(clients.sweep(batch)))
      })
    })
  )
}
