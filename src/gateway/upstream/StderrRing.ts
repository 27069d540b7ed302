/**
 * The last lines that a mount's children wrote beside the protocol. They are kept as they came and cleaned when somebody
 * reads them, so that a child that writes without end costs the splitting of its lines and nothing more.
 */

import { cleanLine } from "./blot.ts"

const LINES = 200
const LINE_BYTES = 8 * 1024
/** Held beyond the cut, so that a secret that stands across it is known in full. */
export const HELD_BYTES = LINE_BYTES + 1024
/** What goes into the log as well. */
const LOGGED = 20
const WINDOW_MS = 10_000

export interface StderrRing {
  /** The line for the log, or nothing: there was enough of it lately. */
  readonly add: (line: Buffer, blot: (text: string) => string, now: number) => string | undefined
  readonly lines: () => ReadonlyArray<string>
}

interface Held {
  readonly line: Buffer
  readonly blot: (text: string) => string
}

const read = ({ line, blot }: Held) => cleanLine(blot(line.toString("utf8")), LINE_BYTES)

export const makeStderrRing = (): StderrRing => {
  const held: Array<Held> = []
  let next = 0
  let windowFrom = Number.NEGATIVE_INFINITY
  let logged = 0
  return {
    add: (line, blot, now) => {
      // A copy: the line is a view of a chunk that would be held with it.
      const one = { line: Buffer.from(line.subarray(0, HELD_BYTES)), blot }
      held[next] = one
      next = (next + 1) % LINES
      if (now - windowFrom >= WINDOW_MS) {
        windowFrom = now
        logged = 0
      }
      logged++
      return logged > LOGGED ? undefined : read(one)
    },
    lines: () => [...held.slice(next), ...held.slice(0, next)].map(read)
  }
}
