/** Requests a second on `/mcp`: the same tools, the same calculator, the same bytes of a request. */

import autocannon from "autocannon"
import { freePort, type RealPostgres, startPostgres } from "../../test/support/realPostgres.ts"
import { migrate, startGatehouse } from "./gatehouse.ts"
import { type Answer, load, post } from "./load.ts"
import type { Plan } from "./plan.ts"
import { type Server, serve } from "./process.ts"
import { Samples } from "./statistics.ts"

export const OPERATIONS = ["call 2025", "call 2026", "list 2025", "list 2026"] as const
export type Operation = (typeof OPERATIONS)[number]
/** Processor time of the server for one request, in microseconds: it tells what was done, whoever else was at work. */
export const cpuOf = <A extends string>(operation: A) => `${operation}, CPU` as const
/** The same operation, by a generator that others know. */
export const AUTOCANNON = "call 2025, autocannon"

interface Contender {
  readonly operations: ReadonlyArray<Operation>
  readonly start: (postgres: RealPostgres) => Promise<{ readonly server: Server; readonly token: string }>
}

const peer = (script: string, operations: ReadonlyArray<Operation>): Contender => ({
  operations,
  start: async () => ({ server: await serve(`bench/src/servers/${script}`), token: `none${"x".repeat(99)}` })
})
const ours = (settings: Readonly<Record<string, string>>): Contender => ({
  operations: OPERATIONS,
  start: async (postgres) => {
    const server = await startGatehouse(postgres.url, settings)
    const [tokens] = await server.tokens(1)
    return { server, token: tokens?.access_token ?? "" }
  }
})

const withMetrics: Contender = {
  operations: OPERATIONS,
  start: async (postgres) => {
    const port = await freePort()
    const { server, token } = await ours({ METRICS_PORT: String(port) }).start(postgres)
    const scraping = setInterval(() => {
      fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text())
    }, 1000)
    const stop = () => {
      clearInterval(scraping)
      return server.stop()
    }
    return { server: { ...server, stop }, token }
  }
}

export const GATEHOUSE = "Gatehouse, authenticated"
/** The same with `/metrics`, asked every second: counted is in any case, and told only then. */
export const METRICS = "Gatehouse, with metrics"
/** The same calculator as a tool of one's own: a file, zod, and a promise. */
export const OWN = "Gatehouse, an own tool"
/** The server with that file, and with the tools that come along but for the one of the same name. */
export const OWN_SETTINGS = { TOOLS_DIR: "bench/src/own", BUILT_IN_TOOLS: "get_weather,search_web,search,fetch" }
export const RAW = "node:http echo"
export const SDK2 = "SDK v2 `createMcpHandler`"
export const SDK1 = "SDK v1 on Express"
export const FASTMCP = "`fastmcp`"

const CONTENDERS: Readonly<Record<string, Contender>> = {
  [GATEHOUSE]: ours({}),
  [METRICS]: withMetrics,
  [OWN]: ours(OWN_SETTINGS),
  "Gatehouse, fast lane off": ours({ MCP_FAST_LANE: "off" }),
  [RAW]: peer("raw.ts", OPERATIONS),
  "Effect `HttpRouter` echo": peer("router.ts", OPERATIONS),
  [SDK2]: peer("sdk2.ts", OPERATIONS),
  [SDK1]: peer("sdk1.ts", ["call 2025", "list 2025"]),
  "Effect `McpServer`": peer("effect.ts", ["call 2026", "list 2026"]),
  [FASTMCP]: peer("fastmcp.ts", ["call 2025", "list 2025"])
}

const partsOf = (operation: Operation, token: string, expression: string) => {
  const [what, era] = operation.split(" ")
  const method = what === "call" ? "tools/call" : "tools/list"
  const params = what === "call" ? { name: "calculator", arguments: { expression } } : {}
  const isModern = era === "2026"
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1.0.0" },
    "io.modelcontextprotocol/clientCapabilities": {}
  }
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: isModern ? { ...params, _meta } : params })
  const headers = {
    "Content-Type": "application/json",
    Accept: "application/json, text/event-stream",
    Authorization: `Bearer ${token}`,
    "MCP-Protocol-Version": isModern ? "2026-07-28" : "2025-11-25",
    ...(isModern ? { "Mcp-Method": method } : {}),
    ...(isModern && what === "call" ? { "Mcp-Name": "calculator" } : {})
  }
  return { body, headers }
}

export const requestOf = (operation: Operation, token: string, expression = "0.1 + 0.2"): Buffer => {
  const { body, headers } = partsOf(operation, token, expression)
  return post("/mcp", body, headers)
}

/** The calculator's result, or the name of the first tool, wherever this server puts them. */
export const isRight =
  (operation: Operation) =>
  ({ status, body }: Answer): boolean => {
    if (status !== 200) return false
    const text = /^data: *(\{.*\})/m.exec(body)?.[1] ?? body
    const message = JSON.parse(text)
    if (message.id !== 1) return false
    if (operation.startsWith("list")) {
      return message.result?.tools?.some(({ name }: { name: string }) => name === "calculator") === true
    }
    const { structuredContent, content } = message.result ?? {}
    return (structuredContent ?? JSON.parse(content?.[0]?.text ?? "{}")).result === "0.3"
  }

const measure = async (server: Server, token: string, operation: Operation, seconds: number) => {
  const options = {
    port: server.port,
    connections: 16,
    request: requestOf(operation, token),
    isRight: isRight(operation)
  }
  const before = server.cpu()
  const { perSecond, wrong, sample, requests } = await load({ ...options, seconds, stayAwake: true })
  if (wrong > 0) throw new Error(`${wrong} of ${requests} answers are wrong, such as\n${sample}`)
  return { perSecond, cpu: ((server.cpu() - before) / requests) * 1e6 }
}

const measureByAutocannon = async ({ port }: Server, token: string, seconds: number) => {
  const request = partsOf("call 2025", token, "0.1 + 0.2")
  const url = `http://127.0.0.1:${port}/mcp`
  const { requests, duration, errors, non2xx } = await autocannon({
    ...request,
    url,
    method: "POST",
    connections: 16,
    duration: seconds
  })
  if (errors + non2xx > 0) throw new Error(`${errors + non2xx} of ${requests.total} answers are wrong`)
  return requests.total / duration
}

export const benchMcp = async (plan: Plan): Promise<Samples> => {
  const postgres = await startPostgres()
  migrate(postgres.url)
  const samples = new Samples()
  for (let round = 0; round < plan.rounds; round++) {
    for (const [name, contender] of Object.entries(CONTENDERS)) {
      const { server, token } = await contender.start(postgres)
      for (const operation of contender.operations) {
        await measure(server, token, operation, plan.warmUp)
        const { perSecond, cpu } = await measure(server, token, operation, plan.seconds)
        samples.add(name, operation, perSecond)
        samples.add(name, cpuOf(operation), cpu)
        const rate = Math.round(perSecond).toLocaleString("en")
        console.log(`round ${round + 1}  ${name}, ${operation}: ${rate}/s, ${cpu.toFixed(1)} µs`)
      }
      if (contender.operations.includes("call 2025")) {
        // It rounds up to seconds.
        samples.add(name, AUTOCANNON, await measureByAutocannon(server, token, Math.max(1, plan.seconds)))
      }
      await server.stop()
    }
  }
  await postgres.stop()
  return samples
}
