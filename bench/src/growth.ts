/** What one operation costs while the tables grow: a token check without cache, a refresh, a cleanup of 100,000 rows. */

import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { type RealPostgres, startPostgres } from "../../test/support/realPostgres.ts"
import { type Gatehouse, migrate, startGatehouse } from "./gatehouse.ts"
import { type Answer, load, post } from "./load.ts"
import type { Plan } from "./plan.ts"
import { run, sleep } from "./process.ts"
import { Samples } from "./statistics.ts"

/** Sessions that are used while the others lie there. */
const LIVE = 2000
const EXPIRED = 100_000
/** Longer than any token is kept in memory. */
export const FORGOTTEN_MS = 6000

export const sqlAt = (postgres: RealPostgres, ...statements: ReadonlyArray<string>) =>
  Effect.runPromise(
    SqlClient.SqlClient.use((sql) => Effect.forEach(statements, (statement) => sql.unsafe(statement))).pipe(
      Effect.provide(PgClient.layer({ url: Redacted.make(postgres.url), maxConnections: 1 }))
    )
  )

/** Sessions with an access and a refresh token each, good for weeks, as many as make so many tokens. */
const fill = (postgres: RealPostgres, clientId: string, tokens: number) =>
  sqlAt(
    postgres,
    // What refers to what is known here, and need not be looked up for each row.
    "set session_replication_role = replica",
    `insert into mcp.mcp_sessions (id, client_id, subject, scopes, resource, code_hash, redirect_uri, code_challenge, expires_at)
     select gen_random_uuid(), '${clientId}', 'person', '{mcp.tools.call}', 'http://localhost/mcp', sha256(n::text::bytea),
            'http://127.0.0.1/callback', 'x', now() + interval '60 days' + n * interval '1 millisecond'
     from generate_series(1, ${tokens / 2}) n`,
    `insert into mcp.oauth_access_tokens (token_hash, session_id, generation, scopes, resource, expires_at)
     select sha256(id::text::bytea), id, 0, scopes, resource, now() + random() * interval '30 days' from mcp.mcp_sessions`,
    `insert into mcp.oauth_refresh_tokens (token_hash, session_id, generation, expires_at)
     select sha256(id::text::bytea), id, 0, now() + random() * interval '30 days' from mcp.mcp_sessions`,
    "vacuum analyze",
    "checkpoint"
  )

const PING = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" })
export const ping = (token: string) =>
  post("/mcp", PING, {
    "Content-Type": "application/json",
    Accept: "application/json, text/event-stream",
    Authorization: `Bearer ${token}`
  })

/** Every request once; how many a second. */
const all = async (
  { port }: Gatehouse,
  requests: ReadonlyArray<Buffer>,
  heard: (index: number, answer: Answer) => void
) => {
  let next = 0
  const { perSecond, wrong, sample } = await load({
    port,
    connections: 16,
    request: () => {
      let asked = 0
      return (last) => {
        if (last !== undefined) heard(asked, last)
        asked = next++
        return requests[asked]
      }
    },
    isRight: ({ status }) => status === 200
  })
  if (wrong > 0) throw new Error(`${wrong} answers are wrong, such as\n${sample}`)
  return perSecond
}

/** What an expression is there. */
export const numberAt = async (postgres: RealPostgres, expression: string) => {
  const [[row] = []] = await sqlAt(postgres, `select (${expression})::float8 as value`)
  return Number((row as { readonly value: number } | undefined)?.value)
}

/** How many bytes Postgres has written ahead, in all its life. */
export const walBytes = (postgres: RealPostgres) => numberAt(postgres, "pg_current_wal_lsn() - '0/0'")

const cleanup = async (postgres: RealPostgres) => {
  await sqlAt(
    postgres,
    `insert into mcp.oauth_access_tokens (token_hash, session_id, generation, scopes, resource, expires_at)
     select sha256(('expired ' || n)::bytea), id, 0, scopes, resource, now() - interval '2 days'
     from generate_series(1, ${EXPIRED}) n
     join (select row_number() over () - 1 as row, * from (select * from mcp.mcp_sessions limit 1000) s) s on s.row = n % 1000`,
    "analyze mcp.oauth_access_tokens"
  )
  const before = await walBytes(postgres)
  const log = run("src/app/programs/cleanupRun.ts", {
    DATABASE_URL: postgres.url,
    LOG_LEVEL: "info",
    LOG_FORMAT: "json"
  })
  const [, removed] = /(\d+) access tokens/.exec(log) ?? []
  const [, ms] = /"?ms"?[:=] ?(\d+)/.exec(log) ?? []
  if (Number(removed) !== EXPIRED || ms === undefined) throw new Error(`the cleanup says:\n${log}`)
  return { ms: Number(ms), wal: ((await walBytes(postgres)) - before) / 1e6 }
}

const bodyOf = (clientId: string, token: string) =>
  post(
    "/token",
    new URLSearchParams({ grant_type: "refresh_token", client_id: clientId, refresh_token: token }).toString(),
    { "Content-Type": "application/x-www-form-urlencoded" }
  )

export const benchGrowth = async (plan: Plan): Promise<Samples> => {
  const samples = new Samples()
  for (const tokens of plan.tokens) {
    const name = String(tokens)
    const postgres = await startPostgres({ durable: true, settings: ["max_wal_size=8GB"] })
    migrate(postgres.url)
    const server = await startGatehouse(postgres.url)
    await fill(postgres, server.clientId, tokens)
    const live = await server.tokens(LIVE)
    const heads = live.map(({ refresh_token }) => refresh_token)
    const checks = live.map(({ access_token }) => ping(access_token))
    for (let round = -1; round < plan.rounds; round++) {
      await sleep(FORGOTTEN_MS)
      const check = await all(server, checks, () => undefined)
      const refreshes = heads.map((head) => bodyOf(server.clientId, head))
      const refresh = await all(server, refreshes, (index, answer) => {
        heads[index] = JSON.parse(answer.body).refresh_token
      })
      // The first round warms up.
      if (round < 0) continue
      samples.add(name, "check", check)
      samples.add(name, "refresh", refresh)
      const { ms, wal } = await cleanup(postgres)
      samples.add(name, "cleanup", ms)
      samples.add(name, "WAL", wal)
    }
    await server.stop()
    await postgres.stop()
    console.log(`${tokens.toLocaleString("en")} tokens`, JSON.stringify(samples.measured[name]))
  }
  return samples
}
