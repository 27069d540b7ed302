/** Servers are told to end while much is asked of them: no request may be lost, however often and with however many workers. */

import { Effect, Fiber, Random } from "effect"
import { freePort } from "../support/app.ts"
import { hammer, prober } from "../support/hammer.ts"
import { ready, run, start } from "../support/program.ts"
import { startPostgres } from "../support/realPostgres.ts"
import type { Chapter } from "./chapter.ts"

/** As many as that, unless the time is over. */
const SHUTDOWNS = 20

export const shutdowns: Chapter = {
  name: "shutdowns",
  share: 2,
  run: Effect.fn("shutdowns")(function* ({ isOver, broken }) {
    const postgres = yield* Effect.acquireRelease(
      Effect.promise(() => startPostgres()),
      ({ stop }) => Effect.promise(stop)
    )
    const settings = { DATABASE_URL: postgres.url, LOG_LEVEL: "warn", MAX_DELAY_MS: "60000" }
    yield* run("app/programs/dbInit.ts", settings)
    const figures = { shutdowns: 0, answered: 0, last: 0, refused: 0, lost: 0 }
    while (figures.shutdowns < SHUTDOWNS && !(figures.shutdowns > 0 && isOver())) {
      const workers = 1 + (figures.shutdowns % 2)
      const one = Effect.gen(function* () {
        const port = yield* freePort
        const program = yield* start("main.ts", { ...settings, PORT: String(port), WORKERS: String(workers) })
        yield* ready(`http://127.0.0.1:${port}`, program)
        const path = "/.well-known/oauth-authorization-server"
        const { result, over } = yield* hammer({ port, kept: 24, fresh: 12, path })
        const { heard, over: told } = yield* prober(port)
        const probing = yield* Effect.forkChild(told)
        while (result.answered < 500 || heard.length < 4) yield* Effect.sleep("20 millis")
        yield* Effect.sleep(yield* Random.nextIntBetween(0, 500))
        program.process.kill("SIGTERM")
        const code = yield* program.exited
        yield* over
        yield* Fiber.join(probing)
        if (code !== 0) broken("a server that is told to end ends with 0", { code, output: program.output() })
        if (result.lost.length > 0) broken("no request is lost", { workers, lost: result.lost.slice(0, 5) })
        const others = Object.keys(result.statuses).filter((status) => status !== "200")
        if (others.length > 0) broken("what is asked while it ends is answered", result.statuses)
        if (!heard.includes(503)) broken("/readyz says no first", { workers, heard: heard.slice(-5) })
        figures.answered += result.answered
        figures.last += result.last
        figures.refused += result.refused
        figures.lost += result.lost.length
      })
      yield* Effect.scoped(one)
      figures.shutdowns++
    }
    return figures
  })
}
