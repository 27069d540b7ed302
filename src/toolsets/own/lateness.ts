/** Tells which tools were at work when everything else had to wait. */

import { Effect } from "effect"
import { atWork } from "../running.ts"
import type { Tool } from "../tool.ts"

const EVERY_MS = 250
/** What people begin to feel. */
const LATE_MS = 250

/** Watches the event loop for the length of the scope, and gives what has to be put around the tools that it may be about. */
export const watchLoop = Effect.gen(function* () {
  const called = new Set<string>()
  const elsewhere = new Set<string>()
  let last = performance.now()
  const look = Effect.suspend(() => {
    const now = performance.now()
    const late = Math.round(now - last - EVERY_MS)
    const tools = [...new Set([...called, ...atWork()])].filter((name) => !elsewhere.has(name))
    last = now
    called.clear()
    if (late < LATE_MS || tools.length === 0) return Effect.void
    return Effect.logWarning(
      'everybody waited while tools were at work: give the one that computes for long "isolate: true"'
    ).pipe(Effect.annotateLogs({ ms: late, tools: tools.join(", ") }))
  })
  yield* Effect.forkScoped(Effect.forever(Effect.delay(look, EVERY_MS)))
  return (tool: Tool, isAside: boolean): Tool => {
    // It computes in a thread of its own, and holds nobody up.
    if (isAside) {
      elsewhere.add(tool.name)
      return tool
    }
    elsewhere.delete(tool.name)
    return {
      ...tool,
      call: (args, caller, carrier) => {
        called.add(tool.name)
        return tool.call(args, caller, carrier)
      }
    }
  }
})
