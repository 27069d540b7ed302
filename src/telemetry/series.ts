/**
 * Numbers that a server has of itself. Whoever counts holds a cell and adds to a plain field; names, labels and text are put
 * together when somebody asks. A family has so many cells at most, whatever its labels are made of.
 */

/** The upper ends of what a duration falls into, in seconds. Rows of the database hold counts by their places: only add at the end. */
export const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const

const MOST_CELLS = 2000
/** The value of every label of what is counted beyond them. */
const OTHER = "other"

/** What several processes have of one number is one: added up, or the one that says more. */
export type Together = "sum" | "max" | "min"

export class Cell {
  value = 0
}

export class Distribution {
  /** How many fell into each, and into what is beyond. */
  readonly counts = new Float64Array(BOUNDS.length + 1)
  /** Of all durations, in seconds. */
  sum = 0

  observe(seconds: number): void {
    let at = 0
    // Nearly all are among the first.
    while (at < BOUNDS.length && seconds > (BOUNDS[at] ?? 0)) at++
    this.counts[at] = (this.counts[at] ?? 0) + 1
    this.sum += seconds
  }
}

type Labels<Names extends ReadonlyArray<string>> = { readonly [Index in keyof Names]: string }
type Node<C> = Map<string, Node<C> | C>

export interface Described {
  readonly name: string
  readonly help: string
  readonly type: "counter" | "gauge" | "histogram"
  readonly labels: ReadonlyArray<string>
  readonly together: Together
}

/** Everything by one name, by its labels. */
export class Family<C extends Cell | Distribution, const Names extends ReadonlyArray<string>> {
  readonly described: Described
  private readonly make: () => C
  private readonly root: Node<C> = new Map()
  private all: Array<{ readonly labels: ReadonlyArray<string>; readonly cell: C }> = []

  constructor(described: Described, make: () => C) {
    this.described = described
    this.make = make
  }

  /** The cell of these labels, in the order in which they were declared. */
  of(...labels: Labels<Names>): C {
    const last = labels.length - 1
    let node = this.root
    for (let at = 0; at < last; at++) {
      const label = labels[at] ?? ""
      let next = node.get(label)
      if (next === undefined) {
        if (this.all.length >= MOST_CELLS) return this.of(...this.others())
        next = new Map()
        node.set(label, next)
      }
      // Only the last label leads to a cell.
      node = next as Node<C>
    }
    const label = labels[last] ?? ""
    // As above.
    const known = node.get(label) as C | undefined
    if (known !== undefined) return known
    if (this.all.length >= MOST_CELLS && label !== OTHER) return this.of(...this.others())
    const cell = this.make()
    node.set(label, cell)
    this.all.push({ labels, cell })
    return cell
  }

  /** Forgets all of them: what is told anew at each question may be gone by the next. */
  clear(): void {
    this.root.clear()
    this.all = []
  }

  cells(): ReadonlyArray<{ readonly labels: ReadonlyArray<string>; readonly cell: C }> {
    return this.all
  }

  // A family has as many labels as it has names.
  private others = () => this.described.labels.map(() => OTHER) as unknown as Labels<Names>
}

const make =
  <C extends Cell | Distribution>(type: Described["type"], cell: () => C) =>
  <const Names extends ReadonlyArray<string>>(
    name: string,
    help: string,
    labels: Names,
    together: Together = "sum"
  ): Family<C, Names> => {
    const family = new Family<C, Names>({ name, help, type, labels, together }, cell)
    // What has no labels is there before anything happened; how much there is now is told only when it is known.
    // `Names` is empty where its length is, which the compiler does not learn.
    if (labels.length === 0 && type !== "gauge") family.of(...([] as unknown as Labels<Names>))
    return family
  }

/** Only grows. */
export const counter = make("counter", () => new Cell())
/** Is so much now. */
export const gauge = make("gauge", () => new Cell())
/** Durations, in seconds. */
export const histogram = make("histogram", () => new Distribution())

export type Value = number | { readonly counts: ReadonlyArray<number>; readonly sum: number }
/** What a process counted, by family: as it is sent from one to another. */
export type Snapshot = Readonly<Record<string, ReadonlyArray<readonly [labels: ReadonlyArray<string>, value: Value]>>>

export type AnyFamily = Family<Cell | Distribution, ReadonlyArray<string>>

const worthOf = (cell: Cell | Distribution): Value =>
  cell instanceof Cell ? cell.value : { counts: [...cell.counts], sum: cell.sum }

export const snapshotOf = (families: ReadonlyArray<AnyFamily>): Snapshot =>
  Object.fromEntries(
    families.map((family) => [
      family.described.name,
      family.cells().map(({ labels, cell }) => [labels, worthOf(cell)] as const)
    ])
  )

const added = (one: Value, other: Value, together: Together): Value => {
  if (typeof one === "number" && typeof other === "number") {
    return together === "sum" ? one + other : Math[together](one, other)
  }
  if (typeof one === "number" || typeof other === "number") return one
  return { counts: one.counts.map((count, at) => count + (other.counts[at] ?? 0)), sum: one.sum + other.sum }
}

/** Several snapshots as one. */
export const sumOf = (families: ReadonlyArray<AnyFamily>, snapshots: ReadonlyArray<Snapshot>): Snapshot =>
  Object.fromEntries(
    families.map(({ described: { name, together } }) => {
      const sums = new Map<string, readonly [ReadonlyArray<string>, Value]>()
      for (const [labels, value] of snapshots.flatMap((snapshot) => snapshot[name] ?? [])) {
        const key = labels.join("\u0000")
        const before = sums.get(key)
        sums.set(key, [labels, before === undefined ? value : added(before[1], value, together)])
      }
      return [name, [...sums.values()]]
    })
  )

/** What only grows, of a process that has ended: it goes on to count. */
export const lasting = (families: ReadonlyArray<AnyFamily>, snapshot: Snapshot): Snapshot =>
  Object.fromEntries(
    families.flatMap(({ described: { name, type } }) => (type === "gauge" ? [] : [[name, snapshot[name] ?? []]]))
  )
