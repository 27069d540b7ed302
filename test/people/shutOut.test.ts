/** Whoever is shut out at one instance is out at every other one (ASVS 7.4.2): apps and browsers. */

import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { RevocationFeed } from "../../src/database/connect.ts"
import { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import { People } from "../../src/people/People.ts"
import { freePort, testApp } from "../support/app.ts"
import { admitted } from "../support/client.ts"
import { newCode, publicClient, tokens } from "../support/grants.ts"
import { browserOf, somebody, visitPage } from "../support/people.ts"
import { clientLayer, migratedDatabaseUrl } from "../support/postgres.ts"

const listening = (url: string, channel = "gatehouse_revoked") =>
  Layer.effect(
    RevocationFeed,
    Effect.map(PgClient.PgClient, (client) => client.listen(channel))
  ).pipe(Layer.provideMerge(clientLayer(url, 5)))

/** Two servers under one name, as behind a balancer, with Ada, who owns them, and Bob, who is signed in at both. */
const behindOneName = Effect.fnUntraced(function* (channel?: string) {
  const url = yield* migratedDatabaseUrl
  const address = { BASE_URL: `http://localhost:${yield* freePort}` }
  const server = Effect.map(
    Layer.build(Layer.fresh(testApp(listening(url, channel), address))),
    (context) =>
      <A, E>(effect: Effect.Effect<A, E, Layer.Success<ReturnType<typeof testApp<unknown, never>>>>) =>
        Effect.provideContext(effect, context)
  )
  const [one, other] = [yield* server, yield* server]
  yield* one(somebody("Ada"))
  const bob = yield* one(somebody("Bob", "member"))
  const { cookie } = yield* one(browserOf(bob.id))
  yield* one(Effect.flatMap(ClientRegistry, (registry) => registry.save(publicClient("one"))))
  const pair = yield* one(Effect.flatMap(newCode("one", bob.id), (code) => tokens("one", code)))
  const token = pair?.access_token ?? ""
  const isIn = Effect.gen(function* () {
    return { app: yield* admitted(token), browser: (yield* visitPage("/account", cookie)).status === 200 }
  })
  for (const on of [one, other]) assert.deepStrictEqual(yield* on(isIn), { app: true, browser: true })
  return { one, other, bob, isIn }
})

const NOBODY = { id: undefined, address: undefined }
const OUT = { app: false, browser: false }

describe("a person is shut out on every instance", () => {
  for (const [what, act] of [
    ["ASVS 7.4.2 disabled", (people: People["Service"], id: string) => people.disable(id, NOBODY)],
    [
      "ASVS 7.4.3 signed out everywhere",
      (people: People["Service"], id: string) => people.signOutEverywhere(id, NOBODY)
    ]
  ] as const) {
    it.live(
      `${what}: browsers are out with the next request, apps as soon as the instance has heard`,
      () =>
        Effect.gen(function* () {
          const { one, other, bob, isIn } = yield* behindOneName()
          yield* one(Effect.flatMap(People, (people) => act(people, bob.id)))
          for (const on of [one, other]) {
            // A browser is looked up each time; an app may be remembered for seconds by whoever has not heard.
            assert.isFalse((yield* on(isIn)).browser)
            yield* on(isIn).pipe(
              Effect.repeat({ until: ({ app }) => !app, schedule: Schedule.spaced("5 millis") }),
              Effect.timeout("3 seconds")
            )
            assert.deepStrictEqual(yield* on(isIn), OUT)
          }
        }).pipe(Effect.scoped),
      { timeout: 60_000 }
    )

    it.live(
      `${what}: the instance that did it does not wait to hear of it`,
      () =>
        Effect.gen(function* () {
          const { one, bob, isIn } = yield* behindOneName("nobody_speaks_here")
          yield* one(Effect.flatMap(People, (people) => act(people, bob.id)))
          assert.deepStrictEqual(yield* one(isIn), OUT)
        }).pipe(Effect.scoped),
      { timeout: 60_000 }
    )
  }
})
