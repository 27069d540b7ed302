/**
 * Calls of a server behind this one: `echo` of the protocol's own `server-everything`, a child in every case. The SDK's client calls it
 * directly; Gatehouse checks a token for each call, its peers check none. Every process may use both cores.
 */

import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Client } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { type RealPostgres, startPostgres } from "../../test/support/realPostgres.ts"
import { type Gatehouse, migrate, startGatehouse } from "./gatehouse.ts"
import { type Answer, load, post } from "./load.ts"
import type { Plan } from "./plan.ts"
import { ALL_CORES, onCore, root, type Server, serve, sleep } from "./process.ts"
import { Samples } from "./statistics.ts"

export const DIRECT = "the SDK's client, directly"
export const GATEHOUSE = "Gatehouse, authenticated"
/** The same calls in the wire of 2026-07-28, which has no session. */
export const MODERN = "Gatehouse, authenticated, 2026 era"
export const [RELAY, MCP_PROXY, SUPERGATEWAY] = [
  "`node:http` and the SDK's client",
  "`mcp-proxy`",
  "`supergateway`"
] as const
export const [RATE, P50, P99, CPU] = ["calls a second", "p50, ms", "p99, ms", "CPU, µs"] as const
export const [LISTS, NONE, TEN] = ["`tools/list`", "no mount, MB a second", "ten mounts, MB a second"] as const
export const [STEADY, FEW, MANY, FEW_CHILDREN, MANY_CHILDREN] = [
  "after calls",
  "few, MiB",
  "many, MiB",
  "few, children",
  "many, children"
] as const
export const [HUNG, ALONE, BESIDE] = ["p99 of a mount, ms", "alone", "beside one that hangs"] as const

const IN_FLIGHT = 16
export const EVERYTHING = join(root, "node_modules/@modelcontextprotocol/server-everything/dist/index.js")
const HANGING = join(root, "bench/src/servers/hung.ts")

const ECHO = { message: "hello" }
const isEcho = (text: string | undefined) => text === "Echo: hello"

/** The command of a child that may use both cores, as all do. */
const child = (script: string) => onCore(ALL_CORES, process.execPath, [script])

// --- directly -----------------------------------------------------------------------------------------------------

const direct = async (plan: Plan) => {
  const [command, args] = child(EVERYTHING)
  const client = new Client({ name: "bench", version: "1" })
  await client.connect(new StdioClientTransport({ command, args, stderr: "ignore" }))
  const latencies: Array<number> = []
  const during = async (seconds: number) => {
    const until = performance.now() + seconds * 1000
    const one = async () => {
      while (performance.now() < until) {
        const started = performance.now()
        const { content } = await client.callTool({ name: "echo", arguments: ECHO })
        latencies.push(performance.now() - started)
        const [part] = content
        if (part?.type !== "text" || !isEcho(part.text)) throw new Error(`a wrong answer: ${JSON.stringify(content)}`)
      }
    }
    const started = performance.now()
    await Promise.all(Array.from({ length: IN_FLIGHT }, one))
    return (performance.now() - started) / 1000
  }
  await during(plan.warmUp)
  latencies.length = 0
  const elapsed = await during(plan.seconds)
  await client.close()
  latencies.sort((left, right) => left - right)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0
  return { perSecond: latencies.length / elapsed, p50: at(0.5), p99: at(0.99) }
}

// --- over HTTP ----------------------------------------------------------------------------------------------------

const HEADERS = {
  "Content-Type": "application/json",
  Accept: "application/json, text/event-stream",
  "MCP-Protocol-Version": "2025-11-25"
}

const message = (method: string, params: object, headers: Readonly<Record<string, string>>, id = 1) =>
  post("/mcp", JSON.stringify({ jsonrpc: "2.0", id, method, params }), { ...HEADERS, ...headers })

/** Of an event stream the last message: notifications may come first. One that ends without an answer has none. */
const resultOf = (body: string) => {
  const text = [...body.matchAll(/^data: *(\{.*\})/gm)].at(-1)?.[1] ?? body
  return text.startsWith("{") ? JSON.parse(text).result : undefined
}

const isRight = ({ status, body }: Answer) => status === 200 && isEcho(resultOf(body)?.content?.[0]?.text)

interface Called {
  readonly port: number
  readonly headers: Readonly<Record<string, string>>
  readonly tool: string
  readonly isModern?: boolean
}

/** What a call says of itself in the wire of 2026-07-28: its revision and client in the body, its tool in a header too. */
const modern = {
  headers: (tool: string) => ({ "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool }),
  _meta: {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "bench", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {}
  }
}

const call = ({ headers, tool, isModern }: Called, id: number) =>
  isModern === true
    ? message(
        "tools/call",
        { name: tool, arguments: ECHO, _meta: modern._meta },
        { ...headers, ...modern.headers(tool) },
        id
      )
    : message("tools/call", { name: tool, arguments: ECHO }, headers, id)

/** Each connection's own: the peers keep one session for all, and in a session an id that is in flight must not come again. */
const calls = (called: Called) => (connection: number) => {
  const request = call(called, connection + 1)
  return () => request
}

const calling = (called: Called, more: { readonly seconds?: number; readonly requests?: number }) =>
  load({
    port: called.port,
    connections: IN_FLIGHT,
    request: calls(called),
    isRight,
    ...more
  }).then((result) => {
    if (result.wrong > 0) throw new Error(`${result.wrong} of ${result.requests} answers are wrong: ${result.sample}`)
    return result
  })

const measured = async (samples: Samples, name: string, called: Called, server: Server, plan: Plan) => {
  await calling(called, { seconds: plan.warmUp })
  const before = server.cpu()
  const { perSecond, p50, p99, requests } = await calling(called, { seconds: plan.seconds })
  samples.add(name, RATE, perSecond)
  samples.add(name, P50, p50)
  samples.add(name, P99, p99)
  samples.add(name, CPU, ((server.cpu() - before) / requests) * 1e6)
  console.log(`${name}: ${Math.round(perSecond)}/s, p50 ${p50.toFixed(2)} ms`)
}

/** A peer in front of the same child, with a session that is kept. */
const peer = async (script: string) => {
  const server = await serve(`bench/src/servers/${script}`, {}, [], ALL_CORES)
  const url = `http://127.0.0.1:${server.port}/mcp`
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "bench", version: "1" } }
  const ask = (body: object, headers: Readonly<Record<string, string>> = {}) =>
    fetch(url, { method: "POST", headers: { ...HEADERS, ...headers }, body: JSON.stringify(body) })
  const hello = await ask({ jsonrpc: "2.0", id: 1, method: "initialize", params })
  await hello.text()
  const session = hello.headers.get("mcp-session-id")
  const headers: Record<string, string> = session === null ? {} : { "Mcp-Session-Id": session }
  await (await ask({ jsonrpc: "2.0", method: "notifications/initialized" }, headers)).text()
  return { server, called: { port: server.port, headers, tool: "echo" } }
}

// --- Gatehouse ----------------------------------------------------------------------------------------------------

const everything = () => {
  const [command, args] = child(EVERYTHING)
  return { command, args, session: "shared" }
}

/** A server with these mounts, which it knows, and a token for all of them. */
const mounted = async (postgres: RealPostgres, servers: Readonly<Record<string, object>>) => {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-bench-"))
  const GATEHOUSE_FILE = join(folder, "gatehouse.json")
  writeFileSync(GATEHOUSE_FILE, JSON.stringify({ mcpServers: servers }))
  const server = await startGatehouse(postgres.url, { GATEHOUSE_FILE, DATA_DIR: folder }, ALL_CORES)
  const authorized = async () => ({ Authorization: `Bearer ${(await server.tokens(1))[0]?.access_token}` })
  const list = async (headers: Readonly<Record<string, string>>) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} })
    const answer = await fetch(`http://127.0.0.1:${server.port}/mcp`, {
      method: "POST",
      headers: { ...HEADERS, ...headers },
      body
    })
    return answer.text()
  }
  const first = await authorized()
  const isKnown = (text: string) => Object.keys(servers).every((name) => text.includes(`"${name}__`))
  while (!isKnown(await list(first))) await sleep(50)
  return { server, headers: await authorized(), list }
}

/** Calls that wait for an answer as long as the server lives, and the proof of it: one that is refused would disturb nobody. */
const hang = (port: number, request: Buffer) => {
  let sample: string | undefined
  const isRight = (answer: Answer) => {
    sample = `${answer.status} ${answer.body}`
    return true
  }
  load({ port, connections: IN_FLIGHT, request, isRight, requests: IN_FLIGHT }).catch(() => undefined)
  return {
    verify: () => {
      if (sample !== undefined) throw new Error(`a call that should hang was answered: ${sample}`)
    }
  }
}

const childrenOf = (pid: number) =>
  readdirSync("/proc").filter((entry) => {
    if (!/^\d+$/.test(entry)) return false
    try {
      return Number(readFileSync(`/proc/${entry}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1]) === pid
    } catch {
      // It ended meanwhile.
      return false
    }
  }).length

const benchLists = async (
  samples: Samples,
  operation: string,
  {
    server,
    headers,
    list
  }: {
    readonly server: Gatehouse
    readonly headers: Readonly<Record<string, string>>
    readonly list: (headers: Readonly<Record<string, string>>) => Promise<string>
  },
  plan: Plan
) => {
  const bytes = Buffer.byteLength(await list(headers))
  const { perSecond } = await load({
    port: server.port,
    connections: IN_FLIGHT,
    request: message("tools/list", {}, headers),
    isRight: ({ status, body }) => status === 200 && Array.isArray(resultOf(body)?.tools),
    seconds: plan.seconds
  })
  samples.add(LISTS, operation, (perSecond * bytes) / 1e6)
}

export const benchGateway = async (plan: Plan): Promise<Samples> => {
  const postgres = await startPostgres()
  migrate(postgres.url)
  const samples = new Samples()
  for (let round = 0; round < plan.rounds; round++) {
    const alone = await direct(plan)
    samples.add(DIRECT, RATE, alone.perSecond)
    samples.add(DIRECT, P50, alone.p50)
    samples.add(DIRECT, P99, alone.p99)
    console.log(`${DIRECT}: ${Math.round(alone.perSecond)}/s, p50 ${alone.p50.toFixed(2)} ms`)

    const hung = { command: process.execPath, args: [HANGING], session: "shared" }
    const gatehouse = await mounted(postgres, { everything: everything(), hung })
    const called = { port: gatehouse.server.port, headers: gatehouse.headers, tool: "everything__echo" }
    await measured(samples, GATEHOUSE, called, gatehouse.server, plan)
    await measured(samples, MODERN, { ...called, isModern: true }, gatehouse.server, plan)

    samples.add(HUNG, ALONE, (await calling(called, { seconds: plan.seconds })).p99)
    const hanging = hang(called.port, message("tools/call", { name: "hung__never", arguments: {} }, gatehouse.headers))
    samples.add(HUNG, BESIDE, (await calling(called, { seconds: plan.seconds })).p99)
    hanging.verify()

    // What is told of so many calls: the second figure counts those of the first.
    const [few, many] = [plan.calls[0], plan.calls[0] * 10]
    await calling(called, { requests: few })
    samples.add(STEADY, FEW, gatehouse.server.memory() / 2 ** 20)
    samples.add(STEADY, FEW_CHILDREN, childrenOf(gatehouse.server.pid))
    await calling(called, { requests: many - few })
    samples.add(STEADY, MANY, gatehouse.server.memory() / 2 ** 20)
    samples.add(STEADY, MANY_CHILDREN, childrenOf(gatehouse.server.pid))
    await gatehouse.server.stop()

    for (const [name, script] of [
      [RELAY, "relay.ts"],
      [MCP_PROXY, "mcpProxy.ts"],
      [SUPERGATEWAY, "supergateway.ts"]
    ] as const) {
      const { server, called } = await peer(script)
      await measured(samples, name, called, server, plan)
      await server.stop()
    }

    const none = await mounted(postgres, {})
    await benchLists(samples, NONE, none, plan)
    await none.server.stop()
    const ten = await mounted(
      postgres,
      Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`mount${index}`, everything()]))
    )
    await benchLists(samples, TEN, ten, plan)
    await ten.server.stop()
  }
  await postgres.stop()
  return samples
}
