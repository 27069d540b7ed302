/** `/admin/usage`: what was done, hour by hour for a day, or day by day for a month. */

import { Effect } from "effect"
import { HttpRouter } from "effect/http"
import { type ChartOptions, chart } from "../../html/chart.ts"
import { html } from "../../html/html.ts"
import { page } from "../../html/page.ts"
import { emptyState, section } from "../../html/parts.ts"
import { BOUNDS } from "../../telemetry/series.ts"
import { type Kind, type Step, UsageStore, type Used } from "../../telemetry/usage/UsageStore.ts"
import { frameOf, query, route } from "../route.ts"
import { owner } from "../visitor.ts"
import { sections } from "./sections.ts"

const PAGE = "/admin/usage"

const HOUR_MS = 3_600_000
/** What a page shows: so many steps of this length. */
const SPANS = {
  day: { step: "hour", steps: 24, ms: HOUR_MS, label: "A day" },
  month: { step: "day", steps: 30, ms: 24 * HOUR_MS, label: "A month" }
} as const satisfies Record<string, { step: Step; steps: number; ms: number; label: string }>
type Span = (typeof SPANS)[keyof typeof SPANS]

/** One fewer than there are colours: the last is of all others. */
const MOST_NAMES = 5
const OTHERS = "others"

const labelOf = (at: number, { step }: Span) => {
  const iso = new Date(at).toISOString()
  return step === "hour" ? `${iso.slice(11, 16)} UTC` : iso.slice(0, 10)
}

interface Point {
  readonly at: number
  readonly name: string
  readonly count: number
}

/** In bands, since a mean tells of nobody's wait. The end of each is one of `BOUNDS`. */
const BANDS = [
  [0.01, "up to 10 ms"],
  [0.1, "up to 100 ms"],
  [1, "up to a second"],
  [10, "up to ten seconds"],
  [Number.POSITIVE_INFINITY, "longer"]
] as const
const bandOf = (place: number) => {
  const end = BOUNDS[place] ?? Number.POSITIVE_INFINITY
  return BANDS.find(([most]) => end <= most)?.[1] ?? "longer"
}

/** The largest by name, or these names in this order, as they are stacked. */
const stacked = (points: ReadonlyArray<Point>, starts: ReadonlyArray<number>, order?: ReadonlyArray<string>) => {
  const sums = new Map<string, number>()
  for (const { name, count } of points) sums.set(name, (sums.get(name) ?? 0) + count)
  const largest = [...sums].sort(([, one], [, other]) => other - one).map(([name]) => name)
  const shown = order?.filter((name) => sums.has(name)) ?? largest.slice(0, MOST_NAMES)
  const isRest = (name: string) => !shown.includes(name)
  const names = largest.some(isRest) ? [...shown, OTHERS] : shown
  const byStep = Map.groupBy(points, ({ at }) => at)
  return names.map((name) => ({
    name,
    values: starts.map((start) =>
      (byStep.get(start) ?? [])
        .filter((point) => (name === OTHERS ? isRest(point.name) : point.name === name))
        .reduce((sum, { count }) => sum + count, 0)
    )
  }))
}

const pointsOf = (used: Used, kind: Kind, nameOf: (row: Used["counts"][number]) => string): ReadonlyArray<Point> =>
  used.counts
    .filter((row) => row.kind === kind)
    .map((row) => ({ at: row.step.getTime(), name: nameOf(row), count: row.count }))

const OUTCOMES: Readonly<Record<string, string>> = {
  ok: "answered",
  error: "told the model that it failed",
  defect: "failed",
  asked: "asked the person"
}
const GRANTS: Readonly<Record<string, string>> = { authorization_code: "new", refresh_token: "refreshed" }

const chartsOf = (
  used: Used
): ReadonlyArray<readonly [id: string, title: string, points: ReadonlyArray<Point>, order?: ReadonlyArray<string>]> => [
  [
    "calls",
    "Calls by how they ended",
    pointsOf(used, "call", ({ outcome }) => OUTCOMES[outcome] ?? outcome),
    Object.values(OUTCOMES)
  ],
  ["tools", "Calls by tool", pointsOf(used, "call", ({ name }) => name)],
  [
    "durations",
    "Calls by how long they took",
    used.durations.map(({ step, place, count }) => ({ at: step.getTime(), name: bandOf(place), count })),
    BANDS.map(([, name]) => name)
  ],
  ["tokens", "Access tokens", pointsOf(used, "token", ({ name }) => GRANTS[name] ?? name), Object.values(GRANTS)],
  ["sign-ins", "Sign-ins", pointsOf(used, "sign_in", ({ name, outcome }) => (outcome === "ok" ? name : "failed"))],
  ["refusals", "Refused, by limit", pointsOf(used, "refusal", ({ name }) => name.replaceAll("_", " "))],
  [
    "upstreams",
    "Requests to mounted servers",
    pointsOf(used, "upstream", ({ name, outcome }) => (outcome === "ok" ? name : `${name}, failed`))
  ]
]

const sumOf = ({ series }: Pick<ChartOptions, "series">) =>
  series
    .map(({ name, values }) => `${values.reduce((sum, value) => sum + value, 0).toLocaleString("en")} ${name}`)
    .join(", ")

const show = Effect.gen(function* () {
  const visit = yield* owner
  const over = (yield* query).get("over") === "month" ? "month" : "day"
  const span = SPANS[over]
  const used = yield* (yield* UsageStore).used(span.step, span.steps)
  const newest = Math.floor(used.now.getTime() / span.ms) * span.ms
  const starts = Array.from({ length: span.steps }, (_, at) => newest - (span.steps - 1 - at) * span.ms)
  const steps = starts.map((start) => labelOf(start, span))
  const charts = chartsOf(used).filter(([, , points]) => points.length > 0)
  return yield* page({
    title: "Usage",
    wide: true,
    script: "local",
    signedIn: yield* frameOf(visit, "admin"),
    body: html`${sections("usage")}<nav class="tabs" aria-label="Time">
<ul>
${Object.entries(SPANS).map(([name, { label }]) => html`<li><a href="${PAGE}?over=${name}"${name === over && html` aria-current="page"`}>${label}</a></li>\n`)}</ul>
</nav>
${charts.map(([id, title, points, order]) => {
  const series = stacked(points, starts, order)
  return section(title, chart({ id, title, steps, series, summary: `In all: ${sumOf({ series })}.` }))
})}${
  charts.length === 0 &&
  section("Nothing yet", emptyState("Nothing was counted", "What is done appears here a minute later."))
}`
  })
})

export const AdminUsageRoutes = HttpRouter.use(
  Effect.fn("AdminUsageRoutes")(function* (router) {
    yield* route(router, PAGE, { GET: show })
  })
)
