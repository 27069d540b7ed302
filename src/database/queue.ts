/**
 * How many operations wait for the database, and how long. Its connections are few, so beyond them operations queue, and
 * whoever would wait too long is better told so at once. By Little's law the wait is the number of those who wait, times
 * what passes between two answers; that is measured while every connection is busy, since at other times it tells how much is asked,
 * and not how much can be done.
 */

/** Of 32 answers, about, the mean is kept. */
const WEIGHT = 1 / 32
/** As many may wait whatever it takes: to begin with, or where a single statement is slow. */
const FEW = 16
/** What is believed between two answers before any was measured. */
const FIRST_GAP_MS = 1

export interface Queue {
  /** So many connections there are, and so long may the wait for one be; until it is said, nobody is refused. */
  readonly open: (places: number, mostMs: number) => void
  /** Whether an operation that would begin now may, then it has begun. Twice as long: the request that it belongs to was let in. */
  readonly enter: (now: number) => boolean
  readonly leave: (now: number) => void
  /** How long whoever comes now waits, in milliseconds. */
  readonly delay: (now: number) => number
  /** Operations that were refused, since the start. */
  readonly refused: () => number
  /** Operations that have a connection, and those that wait for one. */
  readonly load: () => { readonly atWork: number; readonly waiting: number }
}

export const makeQueue = (): Queue => {
  let places = Number.POSITIVE_INFINITY
  let mostMs = Number.POSITIVE_INFINITY
  let underWay = 0
  let refused = 0
  let gap = FIRST_GAP_MS
  /** The last answer, or when the last connection was taken. */
  let since = 0

  // Where nothing comes back any more, the silence tells it before the mean does.
  const delay = (now: number) => (underWay < places + FEW ? 0 : Math.max(underWay * gap, now - since))
  return {
    open: (more, most) => {
      places = more
      mostMs = most
    },
    enter: (now) => {
      if (delay(now) > 2 * mostMs) {
        refused++
        return false
      }
      if (++underWay === places) since = now
      return true
    },
    leave: (now) => {
      // One long silence is no measure of what comes after it.
      if (underWay >= places) gap += (Math.min(now - since, mostMs) - gap) * WEIGHT
      underWay--
      since = now
    },
    delay,
    refused: () => refused,
    load: () => ({ atWork: Math.min(underWay, places), waiting: Math.max(0, underWay - places) })
  }
}

/** Of this process, which has one pool. */
export const queue = makeQueue()
