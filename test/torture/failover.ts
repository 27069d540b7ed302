/**
 * Postgres under Patroni, two nodes with synchronous replication, and the leader dies under load: its Postgres, or all of it.
 * Servers have both nodes in DATABASE_URL. Nothing that honest clients were told is untrue afterwards, and they go on in time.
 */

import { PgClient } from "@effect/sql-pg"
import { Effect, Fiber, Random } from "effect"
import { Reactivity } from "effect/reactivity"
import { serversOf } from "../../src/config/databaseUrl.ts"
import { by, followLeader } from "../../src/database/leader.ts"
import type { Chapter } from "./chapter.ts"
import { type Ask, fleetOn, migrated, POOL } from "./fleet.ts"
import { honestClients, type Known } from "./honest.ts"
import { judge } from "./judge.ts"
import { hasPatroni, patroni, TTL } from "./patroni.ts"

const SERVERS = 2
const CLIENTS = 6
/** What Patroni takes to believe that its leader is gone, as long again to promote and to be found. */
const GOES_ON_WITHIN_MS = 2 * TTL * 1000

export const failover: Chapter = {
  name: "failover",
  share: 2,
  run: Effect.fn("torture.failover")(function* (ordeal) {
    if (!hasPatroni) {
      console.log("failover: skipped, since there is no Patroni, etcd or Postgres of Debian's here")
      return { skipped: 1 }
    }
    const { url, whole } = yield* patroni()
    yield* whole
    yield* migrated(url)
    const urls = yield* Effect.fromResult(serversOf(url))
    const sql = yield* PgClient.make(by(yield* followLeader(urls, undefined, {}), { maxConnections: 2 })).pipe(
      Effect.provide(Reactivity.layer)
    )
    // One more, on which the leader is asked whether it is one.
    const way = Effect.succeed({ url, network: undefined })
    const fleet = yield* fleetOn({ sql, way, connections: POOL + 3 }, ordeal, SERVERS)
    const counts = { rounds: 0, "Postgres killed": 0, "nodes killed": 0, sessions: 0, "answers kept": 0, revoked: 0 }
    const waits: Array<number> = []

    /** When what was written last had been asked for. */
    let asked = 0
    const ask: Ask = Effect.fnUntraced(function* (path, init) {
      const at = performance.now()
      const answer = yield* fleet.ask(path, init)
      if (path === "/token" && answer?.status === 200) asked = Math.max(asked, at)
      return answer
    })
    const writesSince = (at: number) =>
      Effect.gen(function* () {
        while (asked < at) yield* Effect.sleep("20 millis")
      })

    yield* fleet.whenUp(SERVERS)
    do {
      counts.rounds++
      const ledger: Array<Known> = []
      let isOver = false
      const clients = yield* Effect.forkChild(honestClients(CLIENTS, ordeal, ask, ledger, () => isOver))
      yield* Effect.sleep(yield* Random.nextIntBetween(1000, 4000))
      yield* writesSince(performance.now())

      const leader = yield* whole
      fleet.trouble.isOn = true
      const at = performance.now()
      const isPostgres = yield* Random.nextBoolean
      if (isPostgres) leader.killPostgres()
      else yield* Effect.promise(leader.kill)
      counts[isPostgres ? "Postgres killed" : "nodes killed"]++
      yield* writesSince(performance.now())
      const waited = performance.now() - at
      waits.push(waited)
      if (waited > GOES_ON_WITHIN_MS) ordeal.broken("clients go on in time", { waited, isPostgres })
      if (!isPostgres) leader.start()
      yield* whole
      fleet.trouble.isOn = false
      fleet.trouble.endedAt = performance.now()
      yield* Effect.sleep("2 seconds")
      isOver = true
      yield* Fiber.await(clients)

      counts.sessions += ledger.length
      counts["answers kept"] += ledger.reduce((sum, { access }) => sum + access.length, 0)
      counts.revoked += ledger.filter(({ isRevoked }) => isRevoked).length
      yield* judge(ordeal, fleet, ledger)
      for (const member of fleet.up) fleet.inspect(member)
    } while (!ordeal.isOver())
    const [shortest, longest] = [Math.min(...waits), Math.max(...waits)].map(Math.round)
    return { ...fleet.figures, ...counts, "ms until writes went on, least": shortest ?? 0, "and most": longest ?? 0 }
  })
}
