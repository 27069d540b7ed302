/** What one linked account costs in rows, bytes and work, measured with our own server; what many of them need is multiplied. */

import { argon2Sync, randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { type RealPostgres, startPostgres } from "../../test/support/realPostgres.ts"
import { migrate, startGatehouse } from "./gatehouse.ts"
import { refresh } from "./grants.ts"
import { FORGOTTEN_MS, numberAt, ping, sqlAt, walBytes } from "./growth.ts"
import { load } from "./load.ts"
import type { Plan } from "./plan.ts"
import { ALL_CORES, sleep } from "./process.ts"
import { Samples } from "./statistics.ts"

/** How a linked account is used: what the arithmetic supposes. Times a day. */
export const USE = { refreshes: 8, calls: 50, signIns: 1 / 30, links: 1 / 90 } as const
/** The busiest hour's rate beside that of the whole day. */
export const PEAK = 4

/** Rows of a linked account at any time: how long the sweep leaves them, at so many refreshes a day. */
export const ROWS: Readonly<Record<string, number>> = {
  mcp_sessions: 1,
  // Good for an hour, and kept for a day after it.
  oauth_access_tokens: USE.refreshes * (25 / 24),
  // Kept for seven days after they were replaced.
  oauth_refresh_tokens: USE.refreshes * 7 + 1,
  people: 1,
  browser_sessions: 1,
  consents: 1,
  // A sign-in and an answered form each; the events of a year.
  audit_events: 365 * (USE.signIns + USE.links)
}

export const [SERVER_CPU, DATABASE_CPU, WAL, BYTES] = ["server, µs", "Postgres, µs", "WAL, bytes", "bytes"] as const
export const [LINK, REFRESH, CALL, CHECK, SIGN_IN] = [
  "a link: a code asked for and redeemed",
  "a refresh",
  "a call, its token in memory",
  "a call, its token looked up",
  "a password checked"
] as const
export const rowOf = (name: string) => `a row of \`${name}\``

/** proc_pid_stat(5), from the third field on; the second may hold spaces. */
const statOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? []

/** One argon2id as passwords have it; the rest of a sign-in is a call or two. */
const hashing = (samples: Samples) => {
  const message = randomBytes(16)
  const before = process.cpuUsage()
  for (let count = 0; count < 10; count++) {
    argon2Sync("argon2id", {
      message,
      nonce: randomBytes(16),
      memory: 19_456,
      passes: 2,
      parallelism: 1,
      tagLength: 32
    })
  }
  const { user, system } = process.cpuUsage(before)
  samples.add(SIGN_IN, SERVER_CPU, (user + system) / 10)
}

/** Processor time of Postgres so far, in seconds: of the postmaster, its processes, and those that have ended. */
const databaseCpu = async (postgres: RealPostgres) => {
  const [rows = []] = await sqlAt(postgres, "select pid from pg_stat_activity")
  const processes = rows.flatMap((row) => Object.values(row).map(Number))
  const postmaster = Number(statOf(processes[0] ?? 0)[1])
  const ticks = (pid: number, fields: ReadonlyArray<number>) => {
    const stat = statOf(pid)
    return fields.reduce((sum, field) => sum + Number(stat[field - 3]), 0)
  }
  const alive = processes.map((pid) => {
    try {
      return ticks(pid, [14, 15])
    } catch {
      // Ended in between, and is its parent's by now.
      return 0
    }
  })
  return (ticks(postmaster, [14, 15, 16, 17]) + alive.reduce((sum, time) => sum + time, 0)) / 100
}

/** Rows as the flows do not leave them here: people, their browsers and consents, as long as such rows are. */
const fillPeople = (postgres: RealPostgres, clientId: string, count: number) =>
  sqlAt(
    postgres,
    `with added as (
       insert into mcp.people (email, name, role, password, webauthn_id)
       select 'somebody.' || n || '@example.com', 'Somebody Else ' || n, 'member',
              '$argon2id$v=19$m=19456,t=2,p=1$' || repeat('x', 22) || '$' || repeat('x', 43), sha256(n::text::bytea)
       from generate_series(1, ${count}) n returning id
     ), browsers as (
       insert into mcp.browser_sessions (token_hash, person_id, method, user_agent, address, expires_at)
       select sha256(id::text::bytea), id, 'password', repeat('Mozilla/5.0 ', 10), '192.0.2.1', now() + interval '30 days' from added
     ), signed_in as (
       insert into mcp.audit_events (event, person_id, address, detail)
       select 'signed_in', id, '192.0.2.1', '{"method": "password"}' from added
     )
     insert into mcp.consents (person_id, client_id, redirect_host, scopes, asked)
     select id, '${clientId}', 'chatgpt.com', '{mcp.tools.call,offline_access}', '{mcp.tools.call,offline_access}' from added`
  )

export const benchSizing = async (plan: Plan): Promise<Samples> => {
  const samples = new Samples()
  const postgres = await startPostgres({ durable: true })
  migrate(postgres.url)
  const server = await startGatehouse(postgres.url, {}, ALL_CORES)

  /** What each of so many operations took of the server, of Postgres, and of its log. */
  const costing = async (what: string, work: () => Promise<number>) => {
    const before = [server.cpu(), await databaseCpu(postgres), await walBytes(postgres)] as const
    const count = await work()
    const after = [server.cpu(), await databaseCpu(postgres), await walBytes(postgres)] as const
    samples.add(what, SERVER_CPU, ((after[0] - before[0]) / count) * 1e6)
    samples.add(what, DATABASE_CPU, ((after[1] - before[1]) / count) * 1e6)
    samples.add(what, WAL, (after[2] - before[2]) / count)
  }
  const calling = async (requests: ReadonlyArray<Buffer>, count: number) => {
    let next = 0
    const request = () => () => (next < count ? requests[next++ % requests.length] : undefined)
    const { wrong, sample } = await load({
      port: server.port,
      connections: 16,
      request,
      isRight: ({ status }) => status === 200
    })
    if (wrong > 0) throw new Error(`${wrong} calls failed, such as\n${sample}`)
    return count
  }

  for (let round = 0; round < plan.rounds; round++) {
    let tokens: Awaited<ReturnType<typeof server.tokens>> = []
    await costing(LINK, async () => {
      tokens = await server.tokens(plan.accounts)
      return tokens.length
    })
    const calls = tokens.map(({ access_token }) => ping(access_token))
    // As many tokens at a time as memory holds, so that the second call of each finds it there.
    const some = calls.slice(0, 1000)
    await calling(some, some.length)
    await costing(CALL, () => calling(some, 4 * plan.accounts))
    await sleep(FORGOTTEN_MS)
    await costing(CHECK, () => calling(calls, calls.length))
    const chains = tokens.map(({ refresh_token: head }) => ({ clientId: server.clientId, head }))
    const generations = () => numberAt(postgres, "select sum(head_generation) from mcp.mcp_sessions")
    await costing(REFRESH, async () => {
      const before = await generations()
      await refresh({ port: server.port, path: "/token" }, chains, 5 * plan.seconds)
      return (await generations()) - before
    })
    hashing(samples)
    console.log(`round ${round + 1}`, JSON.stringify(samples.measured))
  }
  await fillPeople(postgres, server.clientId, plan.accounts)
  await sqlAt(postgres, "vacuum analyze")
  for (const name of Object.keys(ROWS)) {
    const rows = await numberAt(postgres, `select count(*) from mcp.${name}`)
    samples.add(rowOf(name), BYTES, (await numberAt(postgres, `pg_total_relation_size('mcp.${name}')`)) / rows)
  }
  await server.stop()
  await postgres.stop()
  return samples
}
