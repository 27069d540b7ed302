/** Prometheus' text format, read as its specification says, and by nothing of ours. */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Exposition {
  readonly types: ReadonlyMap<string, string>
  readonly samples: ReadonlyArray<Sample>
  /** The sum of all samples of a name that have these labels. */
  readonly of: (name: string, labels?: Readonly<Record<string, string>>) => number
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y

const labelsOf = (text: string) => {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const found = LABEL.exec(text)
    if (found === null) throw new Error(`no labels: ${text}`)
    const [, name = "", value = ""] = found
    if (name in labels) throw new Error(`${name} twice: ${text}`)
    labels[name] = value.replace(/\\(.)/g, (_, character) => (character === "n" ? "\n" : character))
  }
  return labels
}

/** Throws at whatever Prometheus would refuse: a line that is none, a sample twice, or one of no family. */
export const parseExposition = (text: string): Exposition => {
  if (!text.endsWith("\n")) throw new Error("the last line has no end")
  const types = new Map<string, string>()
  const samples: Array<Sample> = []
  const seen = new Set<string>()
  for (const line of text.slice(0, -1).split("\n")) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line)
    if (type !== null) {
      if (types.has(type[1] ?? "")) throw new Error(`a family twice: ${line}`)
      types.set(type[1] ?? "", type[2] ?? "")
      continue
    }
    if (/^# HELP \S+ .+$/.test(line)) continue
    const [, name = "", labels = "", value = ""] = SAMPLE.exec(line) ?? []
    if (name === "" || value === "" || Number.isNaN(Number(value))) throw new Error(`no sample: ${line}`)
    const family = types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, "")
    if (!types.has(family)) throw new Error(`of no family: ${line}`)
    const key = line.slice(0, line.lastIndexOf(" "))
    if (seen.has(key)) throw new Error(`a sample twice: ${line}`)
    seen.add(key)
    samples.push({ name, labels: labelsOf(labels), value: Number(value) })
  }
  const of = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    samples
      .filter(
        (sample) =>
          sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
      )
      .reduce((sum, { value }) => sum + value, 0)
  return { types, samples, of }
}
