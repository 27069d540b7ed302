/** Decisions of a generator: all of them follow from a seed, and 0 is always the plainest. */

export interface Choices {
  /** A whole number from 0, below `bound`. */
  readonly below: (bound: number) => number
}

/** Decisions without an end (mulberry32), as quick as 200,000 requests need them. */
export const choicesOf = (seed: number): Choices => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return { below: (bound) => next() % bound }
}

export const pick = <A>({ below }: Choices, items: ReadonlyArray<A>): A => items[below(items.length)] as A

/** Whether something that is so in `percent` of cases is so now. */
export const rarely = ({ below }: Choices, percent: number): boolean => below(100) >= 100 - percent
