import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { testApp } from "../support/app.ts"
import { request } from "../support/client.ts"
import { browserOf, somebody, visitPage } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

describe("/readyz?verbose", () => {
  it.live(
    "OP1 tells an owner of the database, the maintenance and the mounts, and everybody else what it always tells",
    () =>
      Effect.gen(function* () {
        const [ada, bob] = [yield* somebody("Ada"), yield* somebody("Bob", "member")]
        const plain = { status: "ready" }
        assert.deepStrictEqual((yield* request("/readyz")).body, plain)
        assert.deepStrictEqual((yield* request("/readyz?verbose")).body, plain)
        assert.deepStrictEqual((yield* visitPage("/readyz?verbose", (yield* browserOf(bob.id)).cookie)).body, plain)
        const { cookie } = yield* browserOf(ada.id)
        assert.deepStrictEqual((yield* visitPage("/readyz", cookie)).body, plain)
        const { body } = yield* visitPage("/readyz?verbose", cookie)
        assert.strictEqual(body.status, "ready")
        assert.match(body.database.schema, /^\d{14}$/)
        assert.match(body.database.version, /^\d+/)
        assert.deepStrictEqual(body.servers, [])
        assert.isArray(body.maintenance)
      }).pipe(Effect.provide(Layer.fresh(testApp(TestDatabase.quick))))
  )
})
