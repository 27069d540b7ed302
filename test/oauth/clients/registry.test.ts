import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { RevocationFeed } from "../../../src/database/connect.ts"
import { migrate } from "../../../src/database/migrations.sql.ts"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import type { Client } from "../../../src/oauth/clients/client.ts"
import { TestApp, testApp } from "../../support/app.ts"
import { clientLayer, freshDatabaseUrl, onBothDatabases } from "../../support/postgres.ts"

const clientOf = (clientId: string, over: Partial<Client> = {}): Client => ({
  origin: "document",
  clientId,
  name: "A described app",
  redirectUris: ["https://app.example/cb"],
  grantTypes: ["authorization_code", "refresh_token"],
  authMethods: ["none"],
  secret: undefined,
  keys: undefined,
  disabled: false,
  ...over
})

onBothDatabases((name, database) => {
  layer(testApp(database), { excludeTestServices: true, timeout: "60 seconds" })(
    `what is remembered of a consent, on ${name}`,
    (it) => {
      const copy = "2026-09-24"

      it.effect("B3 a copy that stands in for a document replaces nothing that is known; a document does", () =>
        Effect.gen(function* () {
          const registry = yield* ClientRegistry
          const id = "https://vendor.example/client.json"
          const keyed = clientOf(id, {
            name: "Newer",
            authMethods: ["private_key_jwt"],
            keys: { _tag: "Remote", jwksUri: "https://vendor.example/jwks.json" }
          })
          yield* registry.remember(clientOf(id), copy)
          assert.deepStrictEqual(yield* registry.find(id), clientOf(id))
          yield* registry.remember(keyed, undefined)
          assert.deepStrictEqual(yield* registry.find(id), keyed)
          yield* registry.remember(clientOf(id, { name: "Older" }), copy)
          assert.deepStrictEqual(yield* registry.find(id), keyed)
        })
      )

      it.effect("B3 what its operator wrote of a client is not replaced by a document", () =>
        Effect.gen(function* () {
          const registry = yield* ClientRegistry
          const ours = clientOf("https://vendor.example/ours.json", { origin: "configured", name: "Ours" })
          yield* registry.save(ours)
          yield* registry.remember({ ...ours, origin: "document", name: "Theirs" }, undefined)
          assert.deepStrictEqual(yield* registry.find(ours.clientId), ours)
        })
      )
    }
  )
})

/** An instance of the server on the database at `url`, which hears what it announces. */
const instance = Effect.fn("instance")(function* (url: string) {
  const listening = Layer.effect(
    RevocationFeed,
    Effect.map(PgClient.PgClient, (client) => client.listen("gatehouse_revoked"))
  ).pipe(Layer.provideMerge(clientLayer(url, 5)))
  const context = yield* Layer.build(Layer.fresh(testApp(listening, {})))
  return { registry: Context.get(context, ClientRegistry), sql: Context.get(context, TestApp).sql }
})

const migratedUrl = Effect.gen(function* () {
  const url = yield* freshDatabaseUrl
  yield* migrate.pipe(Effect.provide(clientLayer(url)))
  return url
})

const sqlAt = (url: string, statement: string) =>
  SqlClient.SqlClient.use((sql) => sql.unsafe(statement)).pipe(Effect.provide(clientLayer(url)), Effect.orDie)

describe("clients in memory", () => {
  const rename = (url: string, name: string) => sqlAt(url, `update mcp.oauth_clients set client_name = '${name}'`)

  /** The client is in the memory of the instance: it answers what the database does not say any more. */
  const remembered = Effect.fn("remembered")(function* (
    url: string,
    { registry }: Effect.Success<ReturnType<typeof instance>>,
    client: Client
  ) {
    yield* Effect.gen(function* () {
      yield* registry.save(client)
      yield* registry.find(client.clientId)
      yield* rename(url, "behind its back")
      return (yield* registry.find(client.clientId))?.name
    }).pipe(
      // The listener may need a moment to hear; what is not heard is not kept.
      Effect.repeat({ until: (name) => name === client.name, schedule: Schedule.spaced("10 millis") }),
      Effect.timeout("20 seconds")
    )
  })

  it.live(
    "a client that was saved, updated or removed is forgotten at once where it happened",
    () =>
      Effect.gen(function* () {
        const url = yield* migratedUrl
        const one = yield* instance(url)
        // So that nothing but the change itself can make it forget.
        yield* sqlAt(url, "alter table mcp.oauth_clients disable trigger user")
        const client = clientOf("dynamic", { origin: "dynamic", name: "First" })
        const nameNow = Effect.map(one.registry.find("dynamic"), (found) => found?.name)
        const metadata = {
          client_name: "Updated",
          redirect_uris: client.redirectUris,
          grant_types: client.grantTypes,
          response_types: ["code" as const],
          token_endpoint_auth_method: "none" as const,
          application_type: "web" as const
        }
        yield* remembered(url, one, client)
        yield* one.registry.save({ ...client, name: "Saved" })
        assert.strictEqual(yield* nameNow, "Saved")
        yield* remembered(url, one, client)
        yield* one.registry.update({ ...client, name: "Updated" }, metadata)
        assert.strictEqual(yield* nameNow, "Updated")
        yield* remembered(url, one, client)
        yield* sqlAt(url, "update mcp.oauth_clients set origin = 'document'")
        yield* one.registry.remember({ ...client, name: "Remembered" }, undefined)
        assert.strictEqual(yield* nameNow, "Remembered")
        yield* remembered(url, one, client)
        yield* one.registry.remove("dynamic", "for this test")
        assert.isUndefined(yield* nameNow)
      }).pipe(Effect.scoped),
    { timeout: 60_000 }
  )

  it.live(
    "what the database announces of a client is heard everywhere",
    () =>
      Effect.gen(function* () {
        const url = yield* migratedUrl
        const [one, other] = [yield* instance(url), yield* instance(url)]
        const client = clientOf("announced", { origin: "configured", name: "First" })
        const soon = (registry: typeof one.registry, isHeard: (found: Client | undefined) => boolean) =>
          registry.find("announced").pipe(
            Effect.repeat({ until: isHeard, schedule: Schedule.spaced("5 millis") }),
            // Shorter than anything is kept.
            Effect.timeout("4 seconds")
          )
        for (const { registry } of [one, other]) {
          yield* remembered(url, { ...one, registry }, client)
        }
        yield* sqlAt(url, "update mcp.oauth_clients set disabled_at = now()")
        for (const { registry } of [one, other]) yield* soon(registry, (found) => found?.disabled === true)
        yield* sqlAt(url, "update mcp.oauth_clients set disabled_at = null")
        for (const each of [one, other]) yield* remembered(url, each, client)
        yield* one.registry.remove("announced", "for this test")
        yield* soon(other.registry, (found) => found === undefined)
      }).pipe(Effect.scoped),
    { timeout: 60_000 }
  )
})
