/** Every route of the real program is sent what test/web/fuzz.test.ts sends, under other seeds and for as long as there is time. */

import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Random } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { migrate } from "../../src/database/migrations.sql.ts"
import { freePort, TestApp, testApp } from "../support/app.ts"
import { choicesOf } from "../support/hostile/choices.ts"
import { newTally, onslaught, type Tally } from "../support/hostile/onslaught.ts"
import { openWire } from "../support/hostile/wire.ts"
import { HOSTILE_VARIABLES, makeWorld } from "../support/hostile/world.ts"
import { watchWrites } from "../support/hostile/writes.ts"
import { somebody } from "../support/people.ts"
import { clientOf } from "../support/postgres.ts"
import { type Program, ready, start } from "../support/program.ts"
import { startPostgres } from "../support/realPostgres.ts"
import { watchRoutes } from "../support/routes.ts"
import type { Chapter, Ordeal } from "./chapter.ts"

const [SERVERS, REQUESTS, AT_ONCE] = [3, 200_000, 250]
/** No round takes so long, on whatever machine: one that does waits for an answer that will not come. */
const FOREVER = "5 minutes"

/** A server of its own for each lane, which writes as a role of its own: so a write is told from those of the others. */
const startLane = Effect.fnUntraced(function* (databaseUrl: string, index: number) {
  const sql = yield* SqlClient.SqlClient
  const who = `lane_${index}`
  yield* sql.unsafe(`create role ${who} superuser login`)
  const url = new URL(databaseUrl)
  url.username = who
  const port = yield* freePort
  const variables = { ...HOSTILE_VARIABLES, PORT: String(port) }
  const program = yield* start("main.ts", {
    ...variables,
    DATABASE_URL: url.href,
    LOG_LEVEL: "warn",
    LOG_FORMAT: "json"
  })
  const baseUrl = `http://localhost:${port}`
  yield* ready(baseUrl, program)
  return { who, port, baseUrl, program, variables }
})
type Lane = Effect.Success<ReturnType<typeof startLane>>

const wireTo = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => openWire(port)),
    (wire) => Effect.sync(() => wire.close())
  )

/** Asks after the server's health while `busy` goes on, each time after the last answer. */
const watched = Effect.fnUntraced(function* <A, E, R>(
  { port }: Lane,
  { broken }: Ordeal,
  busy: Effect.Effect<A, E, R>
) {
  const wire = yield* wireTo(port)
  const ask = Buffer.from(`GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  const probe = Effect.gen(function* () {
    for (;;) {
      const answer = yield* Effect.promise(() => wire.ask(ask))
      if (answer?.status !== 200) broken("others are answered meanwhile", answer)
      yield* Effect.sleep("100 millis")
    }
  })
  return yield* Effect.raceFirst(busy, probe)
}, Effect.scoped)

const assault = Effect.fnUntraced(function* (lane: Lane, routes: ReadonlyArray<string>, tally: Tally, ordeal: Ordeal) {
  const { who, port, baseUrl, program, variables } = lane
  const sql = yield* SqlClient.SqlClient
  const wire = yield* wireTo(port)
  const choices = choicesOf(yield* Random.nextIntBetween(0, 2 ** 31))
  const round = Effect.gen(function* () {
    const world = yield* makeWorld(who, routes)
    yield* onslaught(wire, world, choices, tally, { count: AT_ONCE, who, own: baseUrl })
  }).pipe(
    Effect.provideService(TestApp, { baseUrl, port, sql }),
    Effect.provide(ServerConfig.layerOf(variables)),
    Effect.timeout(FOREVER)
  )
  while (!ordeal.isOver() && tally.sent < REQUESTS && isAlive(program)) {
    yield* watched(lane, ordeal, round)
    for (const { promise, ...evidence } of tally.broken.splice(0)) ordeal.broken(promise, evidence)
  }
  if (!isAlive(program)) ordeal.broken("the server lives on", program.output())
  if (/defect|unhandled/i.test(program.output())) ordeal.broken("no request ends in a defect", program.output())
})

const isAlive = ({ process: { exitCode, signalCode } }: Program) => exitCode === null && signalCode === null

export const fuzz: Chapter = {
  name: "fuzz",
  share: 2,
  run: Effect.fnUntraced(function* (ordeal) {
    const postgres = yield* Effect.acquireRelease(
      Effect.promise(() => startPostgres()),
      ({ stop }) => Effect.promise(stop)
    )
    const routes = new Set<string>()
    const database = Layer.orDie(PgClient.layerFrom(clientOf(postgres.url)))
    yield* Effect.provide(migrate, database)
    // One in this process too: it tells the routes, and makes what is genuine in the database of all.
    const app = testApp(database, HOSTILE_VARIABLES).pipe(Layer.provide(Layer.effectDiscard(watchRoutes(routes))))
    return yield* Effect.gen(function* () {
      yield* watchWrites
      // The first owner of all: lanes would race for that.
      yield* somebody("First")
      const lanes = yield* Effect.forEach(
        Array.from({ length: SERVERS }, (_, index) => index),
        (index) => startLane(postgres.url, index)
      )
      const tally = newTally()
      const began = performance.now()
      yield* Effect.forEach(lanes, (lane) => Effect.scoped(assault(lane, [...routes], tally, ordeal)), {
        concurrency: "unbounded"
      })
      const seconds = (performance.now() - began) / 1000
      const classes = new Map<string, number>()
      for (const [status, count] of tally.statuses) classes.set(`answered ${status}`, count)
      return {
        requests: tally.sent,
        "with credentials": tally.authenticated,
        "each second": Math.round(tally.sent / seconds),
        routes: routes.size,
        ...Object.fromEntries([...classes].sort())
      }
    }).pipe(Effect.provide(app), Effect.provide(Reactivity.layer))
  })
}
