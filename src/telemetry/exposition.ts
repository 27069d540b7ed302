/** Numbers as Prometheus reads them: its text format, version 0.0.4. */

import { type AnyFamily, BOUNDS, type Described, type Snapshot, type Value } from "./series.ts"

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

const escaped = (text: string) =>
  text.replace(/[\\"\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`))

const labelled = (names: ReadonlyArray<string>, values: ReadonlyArray<string>) =>
  names.length === 0 ? "" : `{${names.map((name, at) => `${name}="${escaped(values[at] ?? "")}"`).join(",")}}`

const linesOf = (
  { name, labels: names }: Described,
  labels: ReadonlyArray<string>,
  value: Value
): ReadonlyArray<string> => {
  if (typeof value === "number") return [`${name}${labelled(names, labels)} ${value}`]
  let count = 0
  const buckets = value.counts.map((more, at) => {
    count += more
    return `${name}_bucket${labelled([...names, "le"], [...labels, String(BOUNDS[at] ?? "+Inf")])} ${count}`
  })
  const own = labelled(names, labels)
  return [...buckets, `${name}_sum${own} ${value.sum}`, `${name}_count${own} ${count}`]
}

export const exposition = (families: ReadonlyArray<AnyFamily>, snapshot: Snapshot): string =>
  families
    .flatMap(({ described }) => [
      `# HELP ${described.name} ${described.help}.`,
      `# TYPE ${described.name} ${described.type}`,
      ...(snapshot[described.name] ?? []).flatMap(([labels, value]) => linesOf(described, labels, value))
    ])
    .join("\n")
    .concat("\n")
