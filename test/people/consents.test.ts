import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../src/app/app.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import { type Asking, ConsentStore } from "../../src/people/ConsentStore.ts"
import { publicClient } from "../support/grants.ts"
import { somebody } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const Services = Stores.pipe(
  Layer.provideMerge(TestDatabase.quick),
  Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none" }))
)

layer(Services, { excludeTestServices: true, timeout: "60 seconds" })("what people allowed", (it) => {
  const recall = (asking: Asking) => Effect.flatMap(ConsentStore, (store) => store.recall(asking))
  const isEnough = (asking: Asking) => Effect.map(recall(asking), (last) => last?.isEnough === true)

  it.effect(
    "is recalled for the same person, client, host and scopes in any order, and asked again for any other",
    () =>
      Effect.gen(function* () {
        const [ada, bob] = [yield* somebody("Ada"), yield* somebody("Bob", "member")]
        const registry = yield* ClientRegistry
        for (const id of ["one", "two"]) yield* registry.save(publicClient(id))
        const { remember, forget } = yield* ConsentStore
        const asking: Asking = { personId: ada.id, clientId: "one", redirectHost: "app.example", asked: ["b", "a"] }
        assert.isUndefined(yield* recall(asking))
        yield* remember(asking, ["a"])
        assert.deepStrictEqual(yield* recall(asking), { isEnough: false, declined: ["b"] })
        yield* remember(asking, ["b", "a"])
        assert.deepStrictEqual(yield* recall(asking), { isEnough: true, declined: [] })
        assert.isTrue(yield* isEnough({ ...asking, asked: ["a", "b"] }))
        for (const other of [
          { personId: bob.id },
          { clientId: "two" },
          { redirectHost: "app.example.org" },
          { asked: ["a"] },
          { asked: ["a", "b", "c"] },
          { asked: [] }
        ]) {
          assert.isFalse(yield* isEnough({ ...asking, ...other }), JSON.stringify(other))
        }
        // What is asked last is what counts, and it is one row.
        yield* remember({ ...asking, asked: ["a", "c"] }, ["a", "c"])
        assert.isFalse(yield* isEnough(asking))
        assert.isTrue(yield* isEnough({ ...asking, asked: ["c", "a"] }))
        const sql = yield* SqlClient.SqlClient
        assert.lengthOf(yield* sql`select from mcp.consents`.pipe(Effect.orDie), 1)

        const others = [
          { ...asking, personId: bob.id },
          { ...asking, clientId: "two" }
        ]
        for (const other of others) yield* remember(other, ["b"])
        yield* remember({ ...asking, redirectHost: "other.example" }, ["b"])
        yield* forget([{ subject: ada.id, clientId: "one" }])
        assert.isUndefined(yield* recall({ ...asking, asked: ["a", "c"] }))
        assert.isUndefined(yield* recall({ ...asking, redirectHost: "other.example" }))
        for (const other of others) assert.deepStrictEqual(yield* recall(other), { isEnough: false, declined: ["a"] })
        // Whoever is no person of ours, as the demo is, has none to forget.
        yield* forget([{ subject: "demo-user", clientId: "one" }])
      })
  )
})
