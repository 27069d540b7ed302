/** What the server under test logs, line by line; for suites that set LOG_LEVEL, with LOG_FORMAT=json. */

import { vi } from "@effect/vitest"
import { Effect, Schedule } from "effect"

interface LogLine {
  readonly message: unknown
  readonly level: string
  readonly annotations: Readonly<Record<string, unknown>>
}

/** Collects from here to the end of the scope. */
export const capturedLogs = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const lines: Array<LogLine> = []
      const spy = vi.spyOn(console, "log").mockImplementation((line) => void lines.push(JSON.parse(line)))
      return { lines, restore: () => spy.mockRestore() }
    }),
    ({ restore }) => Effect.sync(restore)
  ),
  ({ lines }) => ({
    lines,
    /** Waits for a line, as long as the test does. */
    find: (isMeant: (line: LogLine) => boolean) =>
      Effect.sync(() => lines.find(isMeant)).pipe(
        Effect.repeat({ until: (line) => line !== undefined, schedule: Schedule.spaced("20 millis") })
      )
  })
)
