/**
 * Every route is sent what nobody of good will sends: parameters twice, missing, of other people, in broken encodings, with
 * an end of line in them. No answer is 5xx, leads elsewhere, repeats what was sent, or comes of a refusal that wrote. Seeds
 * are the same each time here; test/torture/fuzz.ts goes on with others.
 */

import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import { choicesOf } from "../support/hostile/choices.ts"
import { newTally, onslaught } from "../support/hostile/onslaught.ts"
import { openWire } from "../support/hostile/wire.ts"
import { HOSTILE_VARIABLES, makeWorld } from "../support/hostile/world.ts"
import { watchWrites } from "../support/hostile/writes.ts"
import { TestDatabase } from "../support/postgres.ts"
import { watchRoutes } from "../support/routes.ts"

const routes = new Set<string>()
const server = testApp(TestDatabase.quick, HOSTILE_VARIABLES).pipe(
  Layer.provide(Layer.effectDiscard(watchRoutes(routes)))
)

const [SEEDS, REQUESTS] = [16, 150]

layer(server, { excludeTestServices: true, timeout: "60 seconds" })("hostile requests", (it) => {
  it.effect(
    "OP10 whatever is sent to any route, every answer keeps the promises, and a refused request writes nothing",
    () =>
      Effect.gen(function* () {
        const { port, baseUrl } = yield* TestApp
        yield* watchWrites
        const tally = newTally()
        const wire = yield* Effect.acquireRelease(
          Effect.sync(() => openWire(port)),
          (wire) => Effect.sync(() => wire.close())
        )
        for (let seed = 1; seed <= SEEDS; seed++) {
          const world = yield* makeWorld("", [...routes])
          yield* onslaught(wire, world, choicesOf(seed), tally, { count: REQUESTS, who: "postgres", own: baseUrl })
        }
        assert.deepStrictEqual(tally.broken, [])
        // The generators are worth something only while some of what they send is let in.
        for (const status of [200, 201, 303, 400, 401, 403, 404, 405, 410, 413, 415]) {
          assert.isAbove(tally.statuses.get(status) ?? 0, 0, `none was answered ${status}`)
        }
      }),
    600_000
  )
})
