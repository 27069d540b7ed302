/** What Gatehouse means to reach, and what a run says of it. Everything is a ratio, or an absolute that a user would feel. */

import * as Flood from "./flood.ts"
import * as Gateway from "./gateway.ts"
import * as Grants from "./grants.ts"
import * as Mcp from "./mcp.ts"
import * as Operation from "./operation.ts"
import { ratios, type Samples, type Summary, summarize } from "./statistics.ts"

export interface Results {
  readonly mcp: Samples
  readonly grants: Samples
  readonly operation: Samples
  readonly flood: Samples
  readonly gateway: Samples
  readonly growth: Samples
  readonly sizing: Samples
}

interface Target {
  readonly what: string
  readonly target: string
  readonly measured: (results: Results) => Summary
  readonly isMet: (median: number) => boolean
  readonly unit?: string
}

const atLeast = (least: number) => ({
  target: `≥ ${least} ×`,
  isMet: (median: number) => median >= least,
  unit: " ×"
})
const above = (least: number) => ({ target: `> ${least} ×`, isMet: (median: number) => median > least, unit: " ×" })
const below = (most: number, unit: string) => ({
  target: `< ${most}${unit}`,
  isMet: (median: number) => median < most,
  unit
})

const mcp = (operation: Mcp.Operation, peer: string) => ({
  what: `authenticated \`tools/${operation.replace(" ", "`, ")} era ÷ ${peer}`,
  measured: ({ mcp }: Results) => ratios(mcp.of(Mcp.GATEHOUSE, operation), mcp.of(peer, operation))
})
/** What a call takes of the processor, as a share: a busy machine disturbs it less than a rate. */
const cpu = (operation: Mcp.Operation, peer: string) => ({
  what: `processor time of \`tools/${operation.replace(" ", "`, ")} era: ${peer} ÷ Gatehouse`,
  measured: ({ mcp }: Results) =>
    ratios(mcp.of(peer, Mcp.cpuOf(operation)), mcp.of(Mcp.GATEHOUSE, Mcp.cpuOf(operation)))
})
const own = (peer: string) => ({
  what: `\`tools/call\` of a tool of one's own, 2025 era, ÷ ${peer === Mcp.GATEHOUSE ? "the calculator that comes along" : peer}`,
  measured: ({ mcp }: Results) => ratios(mcp.of(Mcp.OWN, "call 2025"), mcp.of(peer, "call 2025"))
})
const grants = (grant: string, peer: string) => ({
  what: `${grant} grants on Postgres ÷ ${peer}`,
  measured: ({ grants }: Results) => ratios(grants.of(Grants.GATEHOUSE, grant), grants.of(peer, grant))
})

const start = (runner: "tsx" | "node", database: "Postgres" | "embedded") => ({
  what: `\`${runner === "node" ? "npm start" : "tsx src/main.ts"}\` to its first answer, ${database === "embedded" ? "embedded, existing data" : database}`,
  measured: ({ operation }: Results) => summarize(operation.of(`start, ${runner}`, database))
})

const besideFlood = (name: string) => ({
  what: `${name} beside a flood of sign-ins ÷ alone`,
  measured: ({ flood }: Results) => ratios(flood.of(name, Flood.BESIDE), flood.of(name, Flood.ALONE))
})

const behind = (peer: string) => ({
  what: `calls of a mount, authenticated, ÷ ${peer}`,
  measured: ({ gateway }: Results) =>
    ratios(gateway.of(Gateway.GATEHOUSE, Gateway.RATE), gateway.of(peer, Gateway.RATE))
})

const MIB = 2 ** 20
const cost = (name: string, what: "CPU" | "peak" | "resident") => ({
  what: `${name}: ${{ CPU: "processor time", peak: "memory at its most", resident: "resident memory" }[what]}`,
  measured: ({ operation }: Results) =>
    summarize(operation.of(name, what).map((value) => (what === "CPU" ? value : value / MIB)))
})

/** Least and most number of tokens that were tried. */
const sizes = ({ growth }: Results) => {
  const all = Object.keys(growth.measured).map(Number)
  return { few: String(Math.min(...all)), many: String(Math.max(...all)) }
}
const perOperation = (operation: string) => ({
  what: `${operation}, per operation: the most tokens ÷ the fewest`,
  measured: (results: Results) => {
    const { few, many } = sizes(results)
    const { growth } = results
    // Checks and refreshes are counted by the second, so what takes longer is the smaller number.
    return operation === "cleanup"
      ? ratios(growth.of(many, operation), growth.of(few, operation))
      : ratios(growth.of(few, operation), growth.of(many, operation))
  }
})

export const TARGETS: ReadonlyArray<Target> = [
  { ...mcp("call 2025", Mcp.SDK2), ...atLeast(8) },
  { ...mcp("call 2026", Mcp.SDK2), ...atLeast(8) },
  { ...mcp("call 2025", Mcp.SDK1), ...atLeast(7) },
  { ...mcp("call 2025", Mcp.RAW), ...atLeast(0.5) },
  { ...mcp("call 2026", Mcp.RAW), ...atLeast(0.5) },
  { ...cpu("call 2025", Mcp.RAW), ...atLeast(0.5) },
  { ...cpu("call 2026", Mcp.RAW), ...atLeast(0.5) },
  { ...mcp("list 2025", Mcp.SDK2), ...atLeast(10) },
  { ...mcp("list 2026", Mcp.SDK2), ...atLeast(10) },
  {
    what: "`tools/call`, 2025 era, with metrics that are asked for every second ÷ without",
    ...atLeast(0.97),
    measured: ({ mcp }) => ratios(mcp.of(Mcp.METRICS, "call 2025"), mcp.of(Mcp.GATEHOUSE, "call 2025"))
  },
  { ...own(Mcp.SDK2), ...atLeast(5) },
  { ...own(Mcp.FASTMCP), ...atLeast(5) },
  { ...own(Mcp.GATEHOUSE), ...atLeast(0.8) },
  { ...grants("refresh", Grants.BARE), ...atLeast(0.7) },
  { ...grants("refresh", Grants.OIDC_PROVIDER), ...above(1) },
  { ...grants("code", Grants.OIDC_PROVIDER), ...above(1) },
  { ...grants("refresh", Grants.BETTER_AUTH), ...above(1) },
  { ...grants("code", Grants.BETTER_AUTH), ...above(1) },
  {
    what: "p99 of `tools/call` at half saturation",
    ...below(5, " ms"),
    measured: ({ operation }) => summarize(operation.of("half saturation", "p99"))
  },
  {
    what: "resident memory after the many calls ÷ after the few",
    ...below(1.2, " ×"),
    measured: ({ operation }) => ratios(operation.of("memory", "many"), operation.of("memory", "few"))
  },
  {
    what: "the same, of a tool of one's own",
    ...below(1.2, " ×"),
    measured: ({ operation }) =>
      ratios(operation.of("memory, an own tool", "many"), operation.of("memory, an own tool", "few"))
  },
  {
    what: "calls of two milliseconds on two cores: two workers ÷ one",
    ...atLeast(1.8),
    measured: ({ operation }) => ratios(operation.of("workers", "2"), operation.of("workers", "1"))
  },
  { ...besideFlood(Flood.MCP), ...atLeast(0.5) },
  { ...besideFlood(Flood.TOKEN), ...atLeast(0.5) },
  {
    what: "calls accepted of a thousand busy connections ÷ of sixteen",
    ...atLeast(0.7),
    measured: ({ flood }) =>
      ratios(flood.of(Flood.OVERLOAD, Flood.ACCEPTED), flood.of(Flood.OVERLOAD, Flood.SATURATION))
  },
  {
    what: "p99 of what is accepted of them",
    ...below(1000, " ms"),
    measured: ({ flood }) => summarize(flood.of(Flood.OVERLOAD, Flood.P99))
  },
  {
    what: "the rate of sixteen a moment later ÷ before",
    ...atLeast(0.9),
    measured: ({ flood }) => ratios(flood.of(Flood.OVERLOAD, Flood.AGAIN), flood.of(Flood.OVERLOAD, Flood.SATURATION))
  },
  {
    what: "resident memory after the second such crowd ÷ after the first",
    ...below(1.2, " ×"),
    measured: ({ flood }) => ratios(flood.of(Flood.OVERLOAD, Flood.SECOND), flood.of(Flood.OVERLOAD, Flood.FIRST))
  },
  { ...behind(Gateway.DIRECT), ...atLeast(0.7) },
  {
    what: `the same in the 2026 era, ÷ ${Gateway.DIRECT}`,
    ...atLeast(0.7),
    measured: ({ gateway }) =>
      ratios(gateway.of(Gateway.MODERN, Gateway.RATE), gateway.of(Gateway.DIRECT, Gateway.RATE))
  },
  {
    what: "p50 of a call of a mount − of the SDK's client directly",
    ...below(1, " ms"),
    measured: ({ gateway }) => {
      const directly = gateway.of(Gateway.DIRECT, Gateway.P50)
      const through = gateway.of(Gateway.GATEHOUSE, Gateway.P50)
      return summarize(through.map((value, round) => value - (directly[round] ?? Number.NaN)))
    }
  },
  { ...behind(Gateway.MCP_PROXY), ...atLeast(2) },
  { ...behind(Gateway.SUPERGATEWAY), ...atLeast(2) },
  {
    what: "`tools/list` with ten mounts ÷ with none, by bytes",
    ...atLeast(0.9),
    measured: ({ gateway }) => ratios(gateway.of(Gateway.LISTS, Gateway.TEN), gateway.of(Gateway.LISTS, Gateway.NONE))
  },
  {
    what: "resident memory after ten times as many calls of a mount",
    ...below(1.2, " ×"),
    measured: ({ gateway }) => ratios(gateway.of(Gateway.STEADY, Gateway.MANY), gateway.of(Gateway.STEADY, Gateway.FEW))
  },
  {
    what: "children after ten times as many calls of a mount",
    ...below(1.01, " ×"),
    measured: ({ gateway }) =>
      ratios(gateway.of(Gateway.STEADY, Gateway.MANY_CHILDREN), gateway.of(Gateway.STEADY, Gateway.FEW_CHILDREN))
  },
  {
    what: "p99 of a mount beside one that hangs ÷ alone",
    ...below(1.1, " ×"),
    measured: ({ gateway }) => ratios(gateway.of(Gateway.HUNG, Gateway.BESIDE), gateway.of(Gateway.HUNG, Gateway.ALONE))
  },
  { ...start("tsx", "Postgres"), ...below(1000, " ms") },
  { ...start("node", "Postgres"), ...below(1000, " ms") },
  { ...start("tsx", "embedded"), ...below(2000, " ms") },
  { ...start("node", "embedded"), ...below(2000, " ms") },
  {
    what: "start with 50 files of tools ÷ with none",
    ...below(1.5, " ×"),
    measured: ({ operation }) =>
      ratios(operation.of("start, 50 files of tools", "Postgres"), operation.of("start, node", "Postgres"))
  },
  { ...cost(Operation.FIRST, "CPU"), ...below(4, " s") },
  { ...cost(Operation.FIRST, "peak"), ...below(450, " MiB") },
  { ...cost(Operation.SECOND, "CPU"), ...below(3, " s") },
  { ...cost(Operation.SECOND, "resident"), ...below(350, " MiB") },
  { ...cost(Operation.ON_POSTGRES, "resident"), ...below(150, " MiB") },
  { ...perOperation("check"), ...below(1.5, " ×") },
  { ...perOperation("refresh"), ...below(1.5, " ×") },
  { ...perOperation("cleanup"), ...below(1.5, " ×") }
]
