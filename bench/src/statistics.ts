/** What the rounds measured, and what is made of it. */

export interface Summary {
  readonly median: number
  readonly least: number
  readonly most: number
}

export const summarize = (values: ReadonlyArray<number>): Summary => {
  const sorted = values.toSorted((left, right) => left - right)
  const [low = Number.NaN, high = Number.NaN] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return { median: (low + high) / 2, least: sorted[0] ?? Number.NaN, most: sorted.at(-1) ?? Number.NaN }
}

/** Ratios of what was measured in the same round. */
export const ratios = (above: ReadonlyArray<number>, below: ReadonlyArray<number>): Summary =>
  summarize(above.map((value, round) => value / (below[round] ?? Number.NaN)))

/** Numbers by contender and operation, one for each round. */
export class Samples {
  readonly measured: Record<string, Record<string, Array<number>>> = {}

  add(contender: string, operation: string, value: number) {
    const operations = this.measured[contender] ?? {}
    this.measured[contender] = operations
    operations[operation] = [...(operations[operation] ?? []), value]
  }

  of(contender: string, operation: string): ReadonlyArray<number> {
    return this.measured[contender]?.[operation] ?? []
  }
}
