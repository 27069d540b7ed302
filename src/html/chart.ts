/** Numbers over time as stacked bars: a picture without a script, and the same as a table for whoever cannot see it, or wants to know. */

import { html } from "./html.ts"
import { table } from "./parts.ts"

export interface ChartOptions {
  /** Unique on its page. */
  readonly id: string
  readonly title: string
  /** The sum of it all, or what else one would say of it in a sentence. */
  readonly summary: string
  /** What stands under each bar; the first, the last and the one between are shown. */
  readonly steps: ReadonlyArray<string>
  /** At most six: they are told apart by their colours. A number for each step. */
  readonly series: ReadonlyArray<{ readonly name: string; readonly values: ReadonlyArray<number> }>
  readonly told?: (value: number) => string
}

const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [640, 180, 48, 12, 22]

/** The next number that is 1, 2 or 5 times a power of ten. */
const roundUp = (value: number): number => {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5, 10].find((times) => times * power >= value) ?? 10) * power
}

const short = (value: number): string => {
  if (value >= 1e6) return `${Number((value / 1e6).toFixed(1))} M`
  return value >= 1e4 ? `${Number((value / 1e3).toFixed(1))} k` : String(Number(value.toPrecision(3)))
}

const fixed = (value: number) => Number(value.toFixed(2))

/** Series lie on each other, the first at the ground. */
export const chart = ({ id, title, summary, steps, series, told = short }: ChartOptions) => {
  const sums = steps.map((_, at) => series.reduce((sum, { values }) => sum + (values[at] ?? 0), 0))
  const most = roundUp(Math.max(...sums, 1e-9))
  const [wide, high] = [(WIDTH - LEFT) / Math.max(steps.length, 1), HEIGHT - TOP - BOTTOM]
  const bars = steps.map((_, at) => {
    let ground = HEIGHT - BOTTOM
    return series.map(({ values }, index) => {
      const height = ((values[at] ?? 0) / most) * high
      if (height === 0) return false
      ground -= height
      return html`<rect class="series-${index}" x="${fixed(LEFT + at * wide + wide * 0.1)}" y="${fixed(ground)}" width="${fixed(wide * 0.8)}" height="${fixed(height)}"/>`
    })
  })
  const last = steps.length - 1
  const marks = [...new Set([0, Math.floor(last / 2), last])].map(
    (at) =>
      html`<text x="${fixed(LEFT + (at + 0.5) * wide)}" y="${HEIGHT - 6}" text-anchor="${at === last ? "end" : at === 0 ? "start" : "middle"}">${steps[at]}</text>`
  )
  const lines = [0, 0.5, 1].map((part) => {
    const y = fixed(HEIGHT - BOTTOM - part * high)
    return html`<line x1="${LEFT}" x2="${WIDTH}" y1="${y}" y2="${y}"/><text x="${LEFT - 6}" y="${y + 4}" text-anchor="end">${told(part * most)}</text>`
  })
  return html`<figure class="chart">
<figcaption>${series.map(({ name }, index) => html`<span class="key"><svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><rect class="series-${index}" width="10" height="10"/></svg>${name}</span> `)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}-title ${id}-desc">
<title id="${id}-title">${title}</title>
<desc id="${id}-desc">${summary}</desc>
${lines}${bars}${marks}
</svg>
<p class="soft">${summary}</p>
<details><summary>As a table</summary>
${table({
  caption: title,
  columns: ["When", ...series.map(({ name }) => name)],
  rows: steps.map((step, at) => [step, ...series.map(({ values }) => told(values[at] ?? 0))]),
  empty: html``
})}</details>
</figure>
`
}
