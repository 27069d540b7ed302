/** Servers that are killed and followed by others, on one Postgres, behind a network that has faults. */

import { PgClient } from "@effect/sql-pg"
import { Array as Arr, Effect, Exit, Random, Redacted, type Scope } from "effect"
import { Reactivity } from "effect/reactivity"
import type { SqlClient } from "effect/sql"
import { type PostgresProxy, postgresProxy } from "../support/postgresProxy.ts"
import { type Program, ready, run, start } from "../support/program.ts"
import { freePort, startPostgres } from "../support/realPostgres.ts"
import type { Ordeal } from "./chapter.ts"

export const REDIRECT_URI = "http://127.0.0.1:4711/callback"
/** Each server's connections. */
export const POOL = 5

/** What no server says among honest clients, whatever becomes of its database. */
const NEVER_SAID =
  /ended in a defect|nobody waited for it|unhandled|uncaught|presented again|redeemed again|lost a commit|has leaked|did not open/i

export interface Member<Network = PostgresProxy> {
  readonly baseUrl: string
  readonly program: Program
  /** Its own way to the database. */
  readonly network: Network
  wasKilled: boolean
}

/** What a fleet keeps all that it knows in. */
export interface Database<Network> {
  /** For whoever judges; a server's is another one. */
  readonly sql: SqlClient.SqlClient
  /** What a server is given, as long as it lives. */
  readonly way: Effect.Effect<{ readonly url: string; readonly network: Network }, never, Scope.Scope>
  /** How many connections a server has at most. */
  readonly connections: number
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
  readonly body: any
}

/** One request to whichever server. */
export type Ask = (path: string, init?: RequestInit) => Effect.Effect<Reply | undefined>

/** One request; nothing where there was no answer. */
export const requestTo = (baseUrl: string, path: string, init: RequestInit) =>
  Effect.promise(async (): Promise<Reply | undefined> => {
    const signals = [AbortSignal.timeout(15_000), ...(init.signal ? [init.signal] : [])]
    try {
      const answer = await fetch(new URL(path, baseUrl), {
        redirect: "manual",
        ...init,
        signal: AbortSignal.any(signals)
      })
      const text = await answer.text()
      const isJson = answer.headers.get("content-type")?.startsWith("application/json") === true
      return { status: answer.status, headers: answer.headers, body: isJson && text !== "" ? JSON.parse(text) : text }
    } catch {
      return undefined
    }
  })

export const migrated = Effect.fn("torture.migrated")(function* (DATABASE_URL: string) {
  const made = yield* run("app/programs/dbInit.ts", { DATABASE_URL })
  if (made.code !== 0) return yield* Effect.die(new Error(made.output))
})

/** A Postgres of its own, and a network before each server that has faults. */
const onePostgres = Effect.gen(function* () {
  const postgres = yield* Effect.acquireRelease(
    Effect.promise(() => startPostgres()),
    ({ stop }) => Effect.promise(stop)
  )
  const direct = new URL(postgres.url)
  yield* migrated(direct.href)
  const sql = yield* PgClient.make({ url: Redacted.make(direct.href), maxConnections: 2 }).pipe(
    Effect.provide(Reactivity.layer)
  )
  const way = Effect.gen(function* () {
    const network = yield* postgresProxy(direct.hostname, Number(direct.port))
    const through = new URL(direct)
    through.port = String(network.port)
    return { url: through.href, network }
  })
  // Servers that are starting have two of their own besides.
  return { postgres, sql, way, connections: POOL + 2 } satisfies Database<PostgresProxy> & { postgres: unknown }
})

export const makeFleet = Effect.fn("torture.fleet")(function* (ordeal: Pick<Ordeal, "broken">, size: number) {
  const database = yield* onePostgres
  return { postgres: database.postgres, ...(yield* fleetOn(database, ordeal, size)) }
})

export const fleetOn = Effect.fn("torture.fleetOn")(function* <Network>(
  { sql, way, connections }: Database<Network>,
  { broken }: Pick<Ordeal, "broken">,
  size: number
) {
  const up = new Set<Member<Network>>()
  /** Whether Postgres itself may be away. */
  const trouble = { isOn: false, endedAt: 0 }
  const figures = { starts: 0, "starts without a database": 0, kills: 0, requests: 0, unanswered: 0, unavailable: 0 }

  const inspect = ({ program }: Pick<Member, "program">) => {
    const said = program
      .output()
      .split("\n")
      .filter((line) => NEVER_SAID.test(line))
    if (said.length > 0) broken("no server says so among honest clients", said.slice(0, 3))
  }

  /** One server after another. */
  const serve = Effect.gen(function* () {
    const port = yield* Effect.promise(freePort)
    const { url, network } = yield* way
    const startedAt = performance.now()
    const program = yield* start("main.ts", {
      DATABASE_URL: url,
      DATABASE_POOL_SIZE: String(POOL),
      PORT: String(port),
      // One name for all of them, as a balancer would give them.
      BASE_URL: "http://localhost:4710",
      LOG_LEVEL: "warn",
      LOG_FORMAT: "json",
      BUILT_IN_TOOLS: "calculator",
      AUTO_APPROVE: "true",
      AUTO_SEED_CLIENT_ID: "demo",
      AUTO_SEED_REDIRECT_URIS: REDIRECT_URI,
      AUTHORIZATION_CODE_TTL_SECONDS: "600",
      REFRESH_REUSE_GRACE_SECONDS: "120",
      RATE_LIMIT_ENABLED: "false"
    })
    figures.starts++
    const member: Member<Network> = { baseUrl: `http://127.0.0.1:${port}`, program, network, wasKilled: false }
    if (Exit.isFailure(yield* Effect.exit(ready(member.baseUrl, program)))) {
      figures["starts without a database"]++
      if (!trouble.isOn && startedAt > trouble.endedAt) broken("a server starts", program.output().slice(-1000))
      return
    }
    up.add(member)
    yield* program.exited
    up.delete(member)
    inspect(member)
    if (!member.wasKilled) broken("a server outlives every fault", program.output().slice(-1000))
  }).pipe(Effect.scoped)
  for (let slot = 0; slot < size; slot++) yield* Effect.forkScoped(Effect.forever(serve))

  /** Waits until so many are ready. */
  const whenUp = (count: number) =>
    Effect.gen(function* () {
      while (up.size < count) yield* Effect.sleep("20 millis")
    })

  /** SIGKILL for the oldest, when there is another one. */
  const kill = Effect.gen(function* () {
    yield* whenUp(2)
    yield* Effect.sleep(yield* Random.nextIntBetween(20, 400))
    const [oldest] = up
    if (oldest === undefined || up.size < 2) return
    oldest.wasKilled = true
    oldest.program.process.kill("SIGKILL")
    figures.kills++
    yield* oldest.program.exited
  })

  const ask: Ask = Effect.fnUntraced(function* (path, init = {}) {
    yield* whenUp(1)
    const members = Arr.fromIterable(up)
    const member = members[yield* Random.nextIntBetween(0, members.length - 1)]
    if (member === undefined) return undefined
    figures.requests++
    const answer = yield* requestTo(member.baseUrl, path, init)
    if (answer === undefined) figures.unanswered++
    else if (answer.status === 503) figures.unavailable++
    else if (answer.status >= 500) broken("nothing but 503 where the server is in trouble", { path, ...answer })
    return answer
  })

  return { sql, up, most: size * connections, trouble, figures, whenUp, kill, ask, inspect }
})

export type Fleet = Effect.Success<ReturnType<typeof makeFleet>>
/** What every fleet has, whatever its database is. */
export type AnyFleet = Effect.Success<ReturnType<typeof fleetOn<unknown>>>
