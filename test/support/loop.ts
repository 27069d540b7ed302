/**
 * How long the event loop is held, on whatever machine: in the processor time of this thread, which other programs do not
 * lengthen, against a known piece of work in the same thread, which a slower machine lengthens as much.
 */

/** Milliseconds of processor time that this thread has had. */
const used = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

/** Runs `work` and answers the processor time of its longest turn of the loop, in milliseconds of this machine. */
export const longestTurn = async (work: () => Promise<unknown>): Promise<number> => {
  let longest = 0
  let last = used()
  let isRunning = true
  const beat = () => {
    const now = used()
    longest = Math.max(longest, now - last)
    last = now
    if (isRunning) setImmediate(beat)
  }
  setImmediate(beat)
  await work()
  isRunning = false
  beat()
  return longest
}

const TEXT = JSON.stringify(Array.from({ length: 30_000 }, (_, at) => ({ at, text: `number ${at}` })))
const ROUNDS = 4

/** Work as a server does it: 20 ms where the limit was set. */
const reference = () => {
  let sum = 0
  for (let round = 0; round < ROUNDS; round++) {
    for (const { text } of JSON.parse(TEXT) as ReadonlyArray<{ readonly text: string }>) {
      for (let at = 0; at < text.length; at++) sum = (sum * 31 + text.charCodeAt(at)) | 0
    }
  }
  return sum
}

const REPEATS = 8

/** What a turn may cost: the processor time of the reference, on the mean, since some systems count it in whole ticks. */
export const mostOfATurn = (): number => {
  // The first times are the compiler's.
  reference()
  reference()
  const begun = used()
  for (let time = 0; time < REPEATS; time++) reference()
  return (used() - begun) / REPEATS
}
