/**
 * What a flood of sign-ins takes from everybody else: `/mcp` and `/token` alone, and beside tries with wrong passwords, each by another
 * name from another address, so that no limit of an address helps and every one that is let in is hashed. And what a thousand
 * connections get that ask again as soon as they are answered or turned away.
 */

import { Agent, request } from "node:http"
import { type RealPostgres, startPostgres } from "../../test/support/realPostgres.ts"
import { type Gatehouse, migrate, startGatehouse } from "./gatehouse.ts"
import { CONNECTIONS, refresh } from "./grants.ts"
import { type Answer, load } from "./load.ts"
import { isRight, requestOf } from "./mcp.ts"
import type { Plan } from "./plan.ts"
import { ALL_CORES, sleep } from "./process.ts"
import { Samples } from "./statistics.ts"
import { calculate } from "./tools.ts"

export const MCP = "`tools/call`"
export const TOKEN = "refresh"
export const [ALONE, BESIDE] = ["alone", "beside the flood"] as const

/** Several times what is hashed. */
export const TRIES_PER_SECOND = 100
/** More than the lane takes: whoever comes then is turned away. */
const SOCKETS = 64
const TICK_MS = 20

const OPERATION = "call 2025"

/** As a deployment has it: limits are on, addresses come from a proxy. Only the load's own address has as much as it wants. */
const SETTINGS = {
  TRUST_PROXY: "1",
  RATE_LIMIT_ENABLED: "true",
  RATE_LIMIT_AUTHORIZE_PER_MINUTE: "1000000",
  RATE_LIMIT_CLIENT_PER_MINUTE: "1000000",
  RATE_LIMIT_FAILURES_PER_MINUTE: "1000000"
}

/** Tries until it is told to stop; then how many a second were hashed, and how many were turned away. */
const flood = (port: number) => {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS })
  const counted: Record<number, number> = {}
  const begun = performance.now()
  let sent = 0
  let open = 0
  const attempt = (n: number) => {
    open++
    const asked = request(
      {
        agent,
        port,
        host: "127.0.0.1",
        path: "/login",
        method: "POST",
        headers: {
          host: "localhost",
          "content-type": "application/x-www-form-urlencoded",
          "x-forwarded-for": `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
        }
      },
      (answer) => {
        open--
        counted[answer.statusCode ?? 0] = (counted[answer.statusCode ?? 0] ?? 0) + 1
        answer.resume()
      }
    )
    asked.on("error", () => {
      open--
    })
    asked.end(`email=n${n}%40people.example&password=wrong+password`)
  }
  const timer = setInterval(() => {
    const due = ((performance.now() - begun) / 1000) * TRIES_PER_SECOND
    // Whoever finds no socket free does not try later.
    for (; sent < due; sent++) if (open < SOCKETS) attempt(sent)
  }, TICK_MS)
  return () => {
    clearInterval(timer)
    agent.destroy()
    const seconds = (performance.now() - begun) / 1000
    const { 401: hashed = 0, 503: turnedAway = 0, ...others } = counted
    if (hashed === 0 || Object.keys(others).length > 0) throw new Error(`this is no flood: ${JSON.stringify(counted)}`)
    return { hashed: hashed / seconds, turnedAway: turnedAway / seconds }
  }
}

type Measure = (seconds: number) => Promise<number>

const calls = async (server: Gatehouse): Promise<Measure> => {
  const [tokens] = await server.tokens(1)
  return async (seconds) => {
    const { perSecond, wrong, sample } = await load({
      port: server.port,
      connections: CONNECTIONS,
      request: requestOf(OPERATION, tokens?.access_token ?? ""),
      isRight: isRight(OPERATION),
      seconds
    })
    if (wrong > 0) throw new Error(`${wrong} answers are wrong, such as\n${sample}`)
    return perSecond
  }
}

const refreshes = async (server: Gatehouse): Promise<Measure> => {
  const tokens = await server.tokens(4 * CONNECTIONS)
  const chains = tokens.map(({ refresh_token }) => ({ clientId: server.clientId, head: refresh_token }))
  return (seconds) => refresh({ port: server.port, path: "/token" }, chains, seconds)
}

const round = async (postgres: RealPostgres, plan: Plan, samples: Samples) => {
  const server = await startGatehouse(postgres.url, SETTINGS, ALL_CORES)
  for (const [name, prepare] of [
    [MCP, calls],
    [TOKEN, refreshes]
  ] as const) {
    const measure = await prepare(server)
    await measure(plan.warmUp)
    const alone = await measure(plan.seconds)
    const stop = flood(server.port)
    // Until the lane is full.
    await sleep(1000)
    const beside = await measure(plan.seconds)
    const { hashed, turnedAway } = stop()
    samples.add(name, ALONE, alone)
    samples.add(name, BESIDE, beside)
    samples.add(name, "hashed", hashed)
    samples.add(name, "turned away", turnedAway)
    console.log(
      `${name}: ${Math.round(alone)}/s alone, ${Math.round(beside)}/s beside ${hashed.toFixed(1)} sign-ins/s that are hashed ` +
        `and ${turnedAway.toFixed(1)}/s that are turned away`
    )
    // What waits in the lane is hashed before anything else is measured.
    await sleep(3000)
  }
  await server.stop()
}

// --- More than it can do -------------------------------------------------------------------------------------------

export const OVERLOAD = "a thousand connections"
export const [SATURATION, ACCEPTED, REFUSED, P99, AGAIN, FIRST, SECOND] = [
  "saturation",
  "accepted",
  "refused",
  "p99, ms",
  "a moment later",
  "memory, once",
  "memory, twice"
] as const
const THOUSAND = 1000
/** A token has as many connections as an app would make, and not all of them. */
const TOKENS = 100
/** Takes about two milliseconds, so that the load hardly needs a core of its own. */
const LONG = "asin(0.7) + asin(0.6) + asin(0.5)"

/** Whole seconds of saturation, of a crowd, of saturation again; and all of that once more, for what stays of it. */
const overload = async (postgres: RealPostgres, plan: Plan, samples: Samples) => {
  const server = await startGatehouse(postgres.url, {}, ALL_CORES)
  const tokens = await server.tokens(TOKENS)
  const requests = tokens.map(({ access_token }) => requestOf(OPERATION, access_token, LONG))
  const { result } = calculate({ expression: LONG })
  const measure = async (connections: number, seconds: number) => {
    const measured = await load({
      port: server.port,
      connections,
      request: (connection) => () => requests[connection % TOKENS],
      isRight: ({ status, body }: Answer) =>
        status === 200 && JSON.parse(body).result.structuredContent.result === result,
      isRefused: ({ status }) => status === 503,
      seconds
    })
    if (measured.wrong > 0) throw new Error(`${measured.wrong} answers are wrong, such as\n${measured.sample}`)
    return measured
  }
  await measure(CONNECTIONS, plan.warmUp)
  for (const memory of [FIRST, SECOND] as const) {
    const alone = await measure(CONNECTIONS, plan.seconds)
    const crowd = await measure(THOUSAND, 2 * plan.seconds)
    const after = await measure(CONNECTIONS, plan.seconds)
    await sleep(2000)
    samples.add(OVERLOAD, memory, server.memory() / 2 ** 20)
    if (memory === FIRST) continue
    samples.add(OVERLOAD, SATURATION, alone.perSecond)
    samples.add(OVERLOAD, ACCEPTED, crowd.perSecond)
    samples.add(OVERLOAD, REFUSED, crowd.refused / (crowd.refused + crowd.requests))
    samples.add(OVERLOAD, P99, crowd.p99)
    samples.add(OVERLOAD, AGAIN, after.perSecond)
    console.log(
      `${OVERLOAD}: ${Math.round(alone.perSecond)}/s by ${CONNECTIONS}, ${Math.round(crowd.perSecond)}/s of ${THOUSAND} accepted ` +
        `with a p99 of ${Math.round(crowd.p99)} ms and ${crowd.refused} turned away, ${Math.round(after.perSecond)}/s a moment later; ` +
        `${Math.round(server.memory() / 2 ** 20)} MiB`
    )
  }
  await server.stop()
}

export const benchFlood = async (plan: Plan): Promise<Samples> => {
  const samples = new Samples()
  const postgres = await startPostgres({ durable: true })
  migrate(postgres.url)
  for (let n = 0; n < plan.rounds; n++) {
    await round(postgres, plan, samples)
    await overload(postgres, plan, samples)
  }
  await postgres.stop()
  return samples
}
