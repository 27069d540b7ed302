/** A short run of the long test of histories: one instance, and two on one Postgres, while writes lose their connection. */

import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Random } from "effect"
import { freePort, TestApp, testApp } from "../support/app.ts"
import { clientLayer, migratedDatabaseUrl } from "../support/postgres.ts"
import { postgresProxy } from "../support/postgresProxy.ts"
import { type Ask, REDIRECT_URI, requestTo } from "./fleet.ts"
import { episode, HEARD_WITHIN_MS, someWritesAreCut } from "./history.ts"

const EPISODES = 3

describe("histories of concurrent clients", () => {
  for (const instances of [1, 2]) {
    it.live(
      `I1 RF3 fit the model in some order, on ${instances} instance(s)`,
      () => {
        const seed = String(Math.random())
        return Effect.gen(function* () {
          const direct = new URL(yield* migratedDatabaseUrl)
          const fate = yield* someWritesAreCut
          const variables = {
            BASE_URL: `http://localhost:${yield* freePort}`,
            AUTO_APPROVE: "true",
            AUTO_SEED_CLIENT_ID: "demo",
            AUTO_SEED_REDIRECT_URIS: REDIRECT_URI,
            REFRESH_REUSE_GRACE_SECONDS: "120"
          }
          const urls: Array<string> = []
          for (let index = 0; index < instances; index++) {
            const network = yield* postgresProxy(direct.hostname, Number(direct.port))
            const url = new URL(direct)
            url.port = String(network.port)
            const database = Layer.orDie(clientLayer(url.href, 5))
            const app = yield* Layer.build(Layer.fresh(testApp(database, variables)))
            urls.push(Context.get(app, TestApp).baseUrl)
            network.decide(fate)
          }
          const ask: Ask = (path, init = {}) =>
            Effect.flatMap(Random.nextIntBetween(0, urls.length - 1), (index) =>
              requestTo(urls[index] ?? "", path, init)
            )
          const untrue: Array<unknown> = []
          const ordeal = { broken: (promise: string, evidence: unknown) => untrue.push({ promise, evidence }) }
          for (let run = 0; run < EPISODES; run++) {
            const figures = yield* episode(ordeal, ask, instances === 1 ? 0 : HEARD_WITHIN_MS)
            assert.isAbove(figures.events, 0)
          }
          assert.deepStrictEqual(untrue, [], `seed ${seed}`)
        }).pipe(Effect.scoped, Random.withSeed(seed))
      },
      { timeout: 120_000 }
    )
  }
})
