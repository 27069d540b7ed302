/**
 * `npm run bench`: all sections, or those that are named; `--quick` to see that they run. `report` alone measures nothing and
 * writes BENCHMARKS.md, and the table of docs/growth.md, from the last figures.
 */

import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { benchFlood } from "./flood.ts"
import { benchGateway } from "./gateway.ts"
import { benchGrants } from "./grants.ts"
import { benchGrowth } from "./growth.ts"
import { benchMcp } from "./mcp.ts"
import { benchOperation } from "./operation.ts"
import { FULL, QUICK } from "./plan.ts"
import { isPinned, LOAD_CORE, root } from "./process.ts"
import { chart, circumstances, growth, report } from "./report.ts"
import { benchSizing } from "./sizing.ts"
import { Samples } from "./statistics.ts"
import type { Results } from "./targets.ts"

const sections = {
  mcp: benchMcp,
  grants: benchGrants,
  operation: benchOperation,
  flood: benchFlood,
  gateway: benchGateway,
  growth: benchGrowth,
  sizing: benchSizing
}
const isSection = (name: string): name is keyof typeof sections => name in sections

// This process makes the load and starts the database, so it moves to their core.
if (isPinned) execFileSync("taskset", ["--all-tasks", "--pid", "--cpu-list", String(LOAD_CORE), String(process.pid)])
// What it started ends with it.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1))

const named = process.argv.slice(2).filter((argument) => !argument.startsWith("-"))
for (const name of named) {
  if (!isSection(name) && name !== "report")
    throw new Error(`there is no section ${name} (there are ${Object.keys(sections).join(", ")})`)
}
const isQuick = process.argv.includes("--quick")
const plan = isQuick ? QUICK : FULL

// A trial leaves the figures of the last real run alone.
const home = isQuick ? mkdtempSync(join(tmpdir(), "gatehouse-bench-")) : root
const results = join(home, "bench/results")
mkdirSync(results, { recursive: true })

const latest = join(results, "latest.json")
const last = existsSync(latest)
  ? JSON.parse(readFileSync(latest, "utf8"))
  : { plan, about: circumstances(), results: {} }
/** What an earlier run measured stays, for the sections that this one leaves out. */
const earlier = (name: string) => Object.assign(new Samples(), last.results[name])

const measured: Record<keyof Results, Samples> = {
  mcp: earlier("mcp"),
  grants: earlier("grants"),
  operation: earlier("operation"),
  flood: earlier("flood"),
  gateway: earlier("gateway"),
  growth: earlier("growth"),
  sizing: earlier("sizing")
}
for (const [name, bench] of Object.entries(sections)) {
  if (!isSection(name) || (named.length > 0 && !named.includes(name))) continue
  measured[name] = await bench(plan)
  Object.assign(last, { plan, about: circumstances(), results: measured })
  writeFileSync(latest, `${JSON.stringify(last, undefined, 2)}\n`)
}
writeFileSync(join(results, "chart.svg"), chart(measured))
writeFileSync(join(home, "BENCHMARKS.md"), report(measured, last.plan, last.about))
if (!isQuick) {
  const page = join(root, "docs/growth.md")
  writeFileSync(page, growth(readFileSync(page, "utf8"), measured))
}
console.log(`written to ${home}`)
process.exit(0)
