/**
 * Servers are killed while the database and the network fail, and honest clients link, call, refresh and revoke. Nothing
 * that they were told may be untrue afterwards, and nothing may be left over.
 */

import { createHash } from "node:crypto"
import { Effect, Fiber, Random, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import type { Fate, FateOf, PostgresProxy } from "../support/postgresProxy.ts"
import type { Chapter, Ordeal } from "./chapter.ts"
import { type Fleet, makeFleet, POOL } from "./fleet.ts"
import { formInit, honestLife, type Known, persist, rpcInit } from "./honest.ts"
import { brokenInvariants } from "./invariants.ts"

const SERVERS = 3
const CLIENTS = 8
const ROUND_MS = 12_000
/** A token is kept in memory for five seconds where a revocation is not heard. */
const HEARD_WITHIN_MS = 6000
const RECOVERED_WITHIN_MS = 60_000
const EVERY_MS = 200
const EVERY = Schedule.spaced(EVERY_MS)

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

const hashOf = (token: string) => createHash("sha256").update(token).digest("hex")

/** What clients were told, and the database does not know any more. */
const forgotten = Effect.fnUntraced(function* (ledger: ReadonlyArray<Known>) {
  const sql = yield* SqlClient.SqlClient
  const told = ledger.map(({ access, refresh, isRevoked }) => ({
    access: access.map(hashOf),
    refresh: refresh.map(hashOf),
    head: hashOf(refresh.at(-1) ?? ""),
    status: isRevoked ? "revoked" : "active"
  }))
  return yield* sql`
    select told.* from jsonb_to_recordset(${JSON.stringify(told)}::jsonb)
      as told(access jsonb, refresh jsonb, head text, status text)
    left join mcp.oauth_refresh_tokens h on h.token_hash = decode(told.head, 'hex')
    left join mcp.mcp_sessions s on s.id = h.session_id
    where s.status is distinct from told.status or s.head_generation is distinct from h.generation
       or h.rotated_at is not null
       or exists (
         select from jsonb_array_elements_text(told.access) t
         where not exists (
           select from mcp.oauth_access_tokens a
           where a.token_hash = decode(t, 'hex') and a.session_id = s.id
             and (a.revoked_at is not null) = (told.status = 'revoked')))
       or exists (
         select from jsonb_array_elements_text(told.refresh) t
         where not exists (
           select from mcp.oauth_refresh_tokens r where r.token_hash = decode(t, 'hex') and r.session_id = s.id))`
})

/** What holds after a round, now that nothing fails. */
const judge = Effect.fn("torture.judge")(function* (ordeal: Ordeal, fleet: Fleet, ledger: ReadonlyArray<Known>) {
  const { broken } = ordeal
  const { ask, sql, up } = fleet
  yield* fleet.whenUp(1).pipe(
    Effect.timeout(RECOVERED_WITHIN_MS),
    Effect.catchTag("TimeoutError", () => Effect.sync(() => broken("a server is ready again", up.size)))
  )
  for (const found of yield* brokenInvariants) broken(found.invariant, found.rows)
  const lost = yield* forgotten(ledger)
  if (lost.length > 0) broken("every 200 that a client received is still true", lost.slice(0, 3))

  for (const { access, refresh, isRevoked } of ledger.slice(-10)) {
    const status = isRevoked ? 401 : 200
    const use = persist(ordeal, ask("/mcp", rpcInit(access.at(-1) ?? "")), "mcp")
    const settled = yield* Effect.repeat(use, {
      until: (answer) => answer.status === status,
      schedule: EVERY,
      times: HEARD_WITHIN_MS / EVERY_MS
    }).pipe(Effect.andThen(use))
    if (settled.status !== status) broken("a session is as its client was told", { isRevoked, ...settled })
    if (!isRevoked) continue
    const token = { grant_type: "refresh_token", refresh_token: refresh.at(-1) ?? "" }
    const again = yield* persist(ordeal, ask("/token", formInit(token)), "refresh")
    if (again.body.error !== "invalid_grant") broken("what was revoked stays revoked", again)
  }

  // Servers that are starting have two of their own besides.
  const most = SERVERS * (POOL + 2)
  const connections = Effect.map(
    sql<{ n: number }>`select count(*)::int as n from pg_stat_activity where application_name = 'gatehouse'`,
    ([row]) => row?.n ?? 0
  )
  const count = yield* Effect.repeat(connections, {
    until: (n) => n <= most,
    schedule: EVERY,
    times: RECOVERED_WITHIN_MS / EVERY_MS
  }).pipe(Effect.andThen(connections))
  if (count > most) broken("no connection is left over", { count, most })
})

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
      const client = Effect.suspend(() => Effect.exit(honestLife(ordeal, fleet.ask, ledger, () => isOver))).pipe(
        Effect.repeat({ while: () => !isOver })
      )
      const clients = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: CLIENTS }, () => client),
          { concurrency: "unbounded" }
        )
      )
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
      yield* judge(ordeal, fleet, ledger).pipe(Effect.provideService(SqlClient.SqlClient, fleet.sql))
      for (const member of fleet.up) fleet.inspect(member)
    }
    return { ...fleet.figures, ...counts }
  })
}
