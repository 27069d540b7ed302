/** Gatehouse alone: latency at half its rate, memory over a long run, how soon it answers, and what a second core brings. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type RealPostgres, startPostgres } from "../../test/support/realPostgres.ts"
import { migrate, startGatehouse } from "./gatehouse.ts"
import { type Answer, load } from "./load.ts"
import { isRight, OWN_SETTINGS, requestOf } from "./mcp.ts"
import type { Plan } from "./plan.ts"
import { ALL_CORES, NODE, root, type Server, serve, sleep, TSX } from "./process.ts"
import { Samples } from "./statistics.ts"
import { calculate } from "./tools.ts"

const OPERATION = "call 2025"

export const FIRST = "first start, embedded"
export const SECOND = "second start, embedded"
export const ON_POSTGRES = "start, Postgres"

const started = async (postgres: RealPostgres, settings: Readonly<Record<string, string>> = {}) => {
  const server = await startGatehouse(postgres.url, settings)
  const [tokens] = await server.tokens(1)
  const request = requestOf(OPERATION, tokens?.access_token ?? "")
  return { server, load: { port: server.port, request, isRight: isRight(OPERATION), stayAwake: true } }
}

const rightly = <A extends { readonly wrong: number; readonly sample: string | undefined }>(result: A): A => {
  if (result.wrong > 0) throw new Error(`${result.wrong} answers are wrong, such as\n${result.sample}`)
  return result
}

/** Milliseconds from the moment at which a request was due, under a constant rate of half of what the server can do. */
const latency = async (postgres: RealPostgres, plan: Plan, samples: Samples) => {
  const { server, load: options } = await started(postgres)
  await load({ ...options, connections: 16, seconds: plan.warmUp })
  const { perSecond } = rightly(await load({ ...options, connections: 16, seconds: plan.seconds }))
  const half = rightly(await load({ ...options, connections: 64, seconds: 2 * plan.seconds, rate: perSecond / 2 }))
  samples.add("half saturation", "rate", half.perSecond)
  samples.add("half saturation", "p50", half.p50)
  samples.add("half saturation", "p99", half.p99)
  await server.stop()
}

const memory = async (
  name: string,
  settings: Readonly<Record<string, string>>,
  postgres: RealPostgres,
  [few, many]: Plan["calls"],
  samples: Samples
) => {
  const { server, load: options } = await started(postgres, settings)
  rightly(await load({ ...options, connections: 16, requests: few }))
  await sleep(2000)
  samples.add(name, "few", server.memory())
  rightly(await load({ ...options, connections: 16, requests: many - few }))
  await sleep(2000)
  samples.add(name, "many", server.memory())
  await server.stop()
}

/** Takes about two milliseconds, so that the load hardly needs a core of its own. */
const LONG = "asin(0.7) + asin(0.6) + asin(0.5)"

/** Long calls a second on both cores. */
const workers = async (postgres: RealPostgres, count: number, plan: Plan, samples: Samples) => {
  const server = await startGatehouse(postgres.url, { WORKERS: String(count) }, ALL_CORES)
  const [tokens] = await server.tokens(1)
  const { result } = calculate({ expression: LONG })
  const options = {
    port: server.port,
    connections: 16,
    request: requestOf(OPERATION, tokens?.access_token ?? "", LONG),
    isRight: ({ status, body }: Answer) => status === 200 && JSON.parse(body).result.structuredContent.result === result
  }
  await load({ ...options, seconds: plan.warmUp })
  samples.add("workers", String(count), rightly(await load({ ...options, seconds: plan.seconds })).perSecond)
  await server.stop()
}

/** What a start costs, and what it leaves: two seconds later nothing of it is still at work. */
const startCost = async (name: string, settings: Readonly<Record<string, string>>, samples: Samples) => {
  const server = await serve("src/main.ts", { LOG_LEVEL: "warn", ...settings }, NODE)
  await fetch(`http://localhost:${server.port}/readyz`)
  await sleep(2000)
  samples.add(name, "CPU", server.cpu())
  samples.add(name, "peak", server.peak())
  samples.add(name, "resident", server.memory())
  await server.stop()
}

/** Milliseconds from the start of the process to its first answer, that the database is ready. */
const firstAnswer = async (settings: Readonly<Record<string, string>>, flags: ReadonlyArray<string>) => {
  const begun = performance.now()
  const server: Server = await serve("src/main.ts", { LOG_LEVEL: "warn", ...settings }, flags)
  const { status } = await fetch(`http://localhost:${server.port}/readyz`)
  const elapsed = performance.now() - begun
  if (status !== 200) throw new Error(`not ready: ${status}`)
  await server.stop()
  return elapsed
}

/** A folder of small tools, where their imports are found. */
const fiftyTools = () => {
  const source = readFileSync(join(root, "bench/src/own/calculator.ts"), "utf8")
  const folder = mkdtempSync(join(root, "bench/src/own-"))
  for (let n = 0; n < 50; n++) {
    writeFileSync(join(folder, `calculator${n}.ts`), source.replace('"calculator"', `"calculator_${n}"`))
  }
  return folder
}

export const benchOperation = async (plan: Plan): Promise<Samples> => {
  const samples = new Samples()
  const postgres = await startPostgres({ durable: true })
  migrate(postgres.url)
  const home = mkdtempSync(join(tmpdir(), "gatehouse-bench-"))
  const embedded = { DATA_DIR: join(home, "data") }
  const tools = fiftyTools()
  await firstAnswer(embedded, NODE)
  for (let round = 0; round < plan.rounds; round++) {
    for (const [runner, flags] of [
      ["tsx", TSX],
      ["node", NODE]
    ] as const) {
      samples.add(`start, ${runner}`, "Postgres", await firstAnswer({ DATABASE_URL: postgres.url }, flags))
      samples.add(`start, ${runner}`, "embedded", await firstAnswer(embedded, flags))
    }
    samples.add(
      "start, 50 files of tools",
      "Postgres",
      await firstAnswer({ DATABASE_URL: postgres.url, TOOLS_DIR: tools }, NODE)
    )
    const data = { DATA_DIR: join(home, `data${round}`) }
    await startCost(FIRST, data, samples)
    await startCost(SECOND, data, samples)
    await startCost(ON_POSTGRES, { DATABASE_URL: postgres.url }, samples)
    await latency(postgres, plan, samples)
    for (const count of [1, 2]) await workers(postgres, count, plan, samples)
  }
  await memory("memory", {}, postgres, plan.calls, samples)
  await memory("memory, an own tool", OWN_SETTINGS, postgres, plan.calls, samples)
  rmSync(home, { recursive: true, force: true })
  rmSync(tools, { recursive: true, force: true })
  await postgres.stop()
  console.log("operation", JSON.stringify(samples.measured))
  return samples
}
