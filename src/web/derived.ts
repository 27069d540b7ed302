/** What is made of a value that may be replaced while the server runs: made once, and anew only for another value. */
export const derived = <A, B>(current: () => A, make: (value: A) => B): (() => B) => {
  let value = current()
  let made = make(value)
  return () => {
    const now = current()
    if (now !== value) {
      made = make(now)
      value = now
    }
    return made
  }
}

/** What is made of each of several such values: once, for as long as somebody has the value. */
export const madeOnce = <A extends object, B>(make: (value: A) => B): ((value: A) => B) => {
  const known = new WeakMap<A, B>()
  return (value) => {
    const before = known.get(value)
    if (before !== undefined) return before
    const made = make(value)
    known.set(value, made)
    return made
  }
}
