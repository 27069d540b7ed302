import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { parse } from "yaml"
import { FAMILIES } from "../../src/telemetry/counts.ts"
import { parseExposition } from "../support/exposition.ts"
import { MetricsAt, withMetrics } from "../support/metrics.ts"

const textOf = (file: string) => readFileSync(join(import.meta.dirname, "../..", file), "utf8")

/** What stands in an expression and is no function, label, word or duration of PromQL. */
const seriesOf = (expression: string): ReadonlyArray<string> =>
  [
    ...expression
      .replace(/"[^"]*"/g, "")
      .replace(/\{[^}]*\}/g, "")
      .replace(/\[[^\]]*\]/g, "")
      .replace(/\b(by|without) \([^)]*\)/g, "")
      .matchAll(/\b[a-z][a-z0-9_]*_[a-z0-9_]+\b(?!\s*\()/g)
  ].map(([name]) => name)

interface Dashboard {
  readonly schemaVersion: number
  readonly templating: { readonly list: ReadonlyArray<{ readonly query: string }> }
  readonly panels: ReadonlyArray<{
    readonly id: number
    readonly title: string
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
    readonly targets: ReadonlyArray<{ readonly expr: string }>
  }>
}
interface Rules {
  readonly groups: ReadonlyArray<{
    readonly rules: ReadonlyArray<{
      readonly alert: string
      readonly expr: string
      readonly labels: { readonly severity: string }
      readonly annotations: { readonly summary: string }
    }>
  }>
}

// Ours, and held to what is asked of them below.
const dashboard = JSON.parse(textOf("grafana/gatehouse.json")) as Dashboard
const rules = (parse(textOf("alerts.yaml")) as Rules).groups.flatMap(({ rules }) => rules)

layer(withMetrics(), { excludeTestServices: true, timeout: "2 minutes" })("dashboard and alerts", (it) => {
  it.effect("MT8 name what a running server tells, and the dashboard leaves no family out", () =>
    Effect.gen(function* () {
      const at = yield* MetricsAt
      const { types } = yield* Effect.promise(async () => parseExposition(await (await fetch(at)).text()))
      const isTold = (name: string) =>
        types.has(name) ||
        (/_(bucket|sum|count)$/.test(name) && types.get(name.replace(/_(bucket|sum|count)$/, "")) === "histogram")
      const shown = dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => seriesOf(expr)))
      for (const { title, targets } of dashboard.panels) {
        for (const { expr } of targets) {
          assert.isNotEmpty(seriesOf(expr), expr)
          for (const name of seriesOf(expr)) assert.isTrue(isTold(name), `${title}: ${name}`)
        }
      }
      for (const { alert, expr } of rules) {
        assert.isNotEmpty(seriesOf(expr), expr)
        for (const name of seriesOf(expr)) assert.isTrue(isTold(name), `${alert}: ${name}`)
      }
      const families = new Set(shown.map((name) => (types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, ""))))
      for (const { described } of FAMILIES) assert.isTrue(families.has(described.name), described.name)
    })
  )

  it.effect("MT9 labels that they ask for are labels of what they ask of", () =>
    Effect.sync(() => {
      const scraper = ["job", "instance", "le"]
      const known = new Set([...scraper, ...FAMILIES.flatMap(({ described }) => described.labels)])
      for (const expr of [
        ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
        ...rules.map(({ expr }) => expr)
      ]) {
        const asked = [
          ...[...expr.matchAll(/\{([^}]*)\}/g)].flatMap(([, inner = ""]) => inner.match(/\w+(?==)/g) ?? []),
          ...[...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, inner = ""]) => inner.split(/, */))
        ]
        for (const label of asked) assert.isTrue(known.has(label), `${label}: ${expr}`)
      }
      assert.isAtLeast(dashboard.schemaVersion, 39)
      assert.strictEqual(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
      assert.strictEqual(
        new Set(dashboard.panels.map(({ gridPos: { x, y } }) => `${x} ${y}`)).size,
        dashboard.panels.length
      )
      for (const { labels, annotations } of rules) {
        assert.include(["page", "ticket"], labels.severity)
        assert.match(annotations.summary, /^[A-Z].*\.$/s)
      }
    })
  )
})
