/**
 * Servers are killed while the database and the network fail, and honest clients link, call, refresh and revoke. Nothing
 * that they were told may be untrue afterwards, and nothing may be left over.
 */

import { Effect, Fiber, Random } from "effect"
import type { Fate, FateOf, PostgresProxy } from "../support/postgresProxy.ts"
import type { Chapter } from "./chapter.ts"
import { type Fleet, makeFleet } from "./fleet.ts"
import { honestClients, type Known } from "./honest.ts"
import { judge } from "./judge.ts"

const SERVERS = 3
const CLIENTS = 8
const ROUND_MS = 12_000

const between = Random.nextIntBetween
const pause = (least: number, most: number) => Effect.flatMap(between(least, most), (ms) => Effect.sleep(ms))

/** The ways to the database of all servers that are ready, or of one. */
const someNetworks = Effect.fnUntraced(function* ({ up }: Fleet) {
  const networks = Array.from(up, ({ network }) => network)
  if (yield* Random.nextBoolean) return networks
  return networks.slice(0, 1)
})

/** Does it to some networks, for so many milliseconds, and ends it. */
const forSome =
  (harm: (network: PostgresProxy) => void, least: number, most: number, mend: (network: PostgresProxy) => void) =>
  (fleet: Fleet) =>
    Effect.gen(function* () {
      const networks = yield* someNetworks(fleet)
      networks.forEach(harm)
      yield* pause(least, most)
      networks.forEach(mend)
      yield* pause(0, 1000)
    })

const pass = (network: PostgresProxy) => {
  network.decide(() => "passed")
  network.delay(0)
  network.speak()
  network.mend()
}

const restart =
  (mode: "fast" | "immediate") =>
  ({ postgres, trouble }: Fleet) =>
    Effect.gen(function* () {
      yield* pause(200, 2000)
      trouble.isOn = true
      yield* Effect.promise(() => postgres.halt(mode))
      yield* pause(0, 1500)
      yield* Effect.promise(postgres.start)
      trouble.isOn = false
      trouble.endedAt = performance.now()
      yield* pause(500, 2000)
    }).pipe(Effect.uninterruptible)

/** What happens to the database and the ways to it, again and again. */
const FAULTS: Readonly<Record<string, (fleet: Fleet) => Effect.Effect<void>>> = {
  "servers are killed, and nothing else": () => Effect.sleep("1 second"),
  "Postgres crashes": restart("immediate"),
  "Postgres is restarted": restart("fast"),
  "a backend is ended": ({ sql, trouble }) =>
    Effect.gen(function* () {
      yield* sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gatehouse'
        order by random() limit 1`.pipe(Effect.ignore)
      trouble.endedAt = performance.now()
      yield* pause(10, 200)
    }),
  "writes are cut off": (fleet) =>
    Effect.gen(function* () {
      const fates: ReadonlyArray<Fate> = ["unsent", "unknown", "unanswered"]
      const random = yield* Random.Random
      const roll = (sides: number) => Math.floor(random.nextDoubleUnsafe() * sides)
      const decide: FateOf = (_, isDurable) =>
        roll(isDurable ? 4 : 40) === 0 ? (fates[roll(fates.length)] ?? "passed") : "passed"
      yield* forSome((network) => network.decide(decide), 500, 3000, pass)(fleet)
    }),
  "everything is late": forSome((network) => network.delay(80), 500, 3000, pass),
  "nothing passes": forSome((network) => network.hush(), 100, 4000, pass),
  "nothing passes, and is lost": forSome(
    (network) => network.hush(),
    100,
    4000,
    (network) => {
      network.reset()
      pass(network)
    }
  ),
  "half open": forSome((network) => network.halfOpen(), 500, 4000, pass),
  "the way is cut": forSome((network) => network.cut(), 50, 1500, pass)
}

export const crash: Chapter = {
  name: "crash",
  share: 4,
  run: Effect.fn("torture.crash")(function* (ordeal) {
    const fleet = yield* makeFleet(ordeal, SERVERS)
    const counts: Record<string, number> = {}
    const names = Object.keys(FAULTS)
    const count = (what: string, by = 1) => {
      counts[what] = (counts[what] ?? 0) + by
    }

    yield* fleet.whenUp(2)
    while (!ordeal.isOver()) {
      const name = names[yield* between(0, names.length - 1)] ?? "none"
      const fault = FAULTS[name]
      if (fault === undefined) continue
      count("rounds")

      const ledger: Array<Known> = []
      let isOver = false
      const clients = yield* Effect.forkChild(honestClients(CLIENTS, ordeal, fleet.ask, ledger, () => isOver))
      const kills = yield* Effect.forkChild(Effect.forever(fleet.kill))
      const faults = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(
            fault(fleet),
            Effect.sync(() => count(name))
          )
        )
      )
      yield* Effect.sleep(ROUND_MS)
      isOver = true
      yield* Fiber.interrupt(faults)
      yield* Fiber.interrupt(kills)
      for (const { network } of fleet.up) pass(network)
      yield* Fiber.await(clients)

      count("sessions", ledger.length)
      count(
        "answers kept",
        ledger.reduce((sum, { access }) => sum + access.length, 0)
      )
      count("revoked", ledger.filter(({ isRevoked }) => isRevoked).length)
      yield* judge(ordeal, fleet, ledger)
      for (const member of fleet.up) fleet.inspect(member)
    }
    return { ...fleet.figures, ...counts }
  })
}
