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
