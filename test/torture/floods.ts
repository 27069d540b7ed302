/**
 * Crowds that only want to be in the way: idle, slow, coming and going, half closed, with bodies that are too large or too deep, and
 * wrong passwords. Honest clients work meanwhile; all that they ask has to be answered, and afterwards nothing may be left of the crowd.
 */

import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { Worker } from "node:worker_threads"
import { Effect, Fiber, Random } from "effect"
import { freePort, TestApp } from "../support/app.ts"
import { call, messageOf, obtainTokens, refresh } from "../support/client.ts"
import { ready, run, start } from "../support/program.ts"
import { startPostgres } from "../support/realPostgres.ts"
import type { Chapter, Ordeal } from "./chapter.ts"
import { HARMS, type Harm } from "./crowd.ts"

const HONEST = 6
const HOLD_MS = 4000
const FILES = 30_000
/** What a server may keep of the harm after the first of it: young generations and buffers grow once. */
const MOST_GROWTH = 1.4

const MIB = 2 ** 20

interface Counts {
  served: number
  turnedAway: number
  harm: string
  /** The slowest answer to an honest client while each of the crowds was there. */
  readonly slowestMs: Record<string, number>
}

/** Works until it is over: calls, and refreshes now and then. What was turned away is tried again, as the server says. */
const honestLife = Effect.fnUntraced(function* (isOver: () => boolean, counts: Counts, broken: Ordeal["broken"]) {
  let tokens = yield* obtainTokens()
  for (let n = 0; !isOver(); n++) {
    const began = performance.now()
    const { harm } = counts
    const isRefresh = n % 10 === 9
    const asked = isRefresh
      ? refresh(tokens.refresh_token)
      : call(tokens.access_token, "calculator", { expression: `${n} + 1` })
    const answer = yield* Effect.exit(asked)
    if (answer._tag === "Failure") {
      broken("an honest client is answered", String(answer.cause))
      continue
    }
    const { status, headers, body, text } = answer.value
    if ((status === 503 || status === 429) && headers.has("retry-after")) {
      counts.turnedAway++
      yield* Effect.sleep(`${Number(headers.get("retry-after"))} seconds`)
      continue
    }
    counts.slowestMs[harm] = Math.max(counts.slowestMs[harm] ?? 0, Math.round(performance.now() - began))
    const isRight = isRefresh
      ? status === 200
      : status === 200 && messageOf(answer.value).result?.structuredContent?.result === String(n + 1)
    if (!isRight) broken("an honest client is served", { status, text: text.slice(0, 300) })
    if (isRefresh && status === 200) tokens = body
    counts.served++
  }
})

const residentOf = (pid: number) =>
  Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024
const filesOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length

export const floods: Chapter = {
  name: "floods",
  share: 2,
  run: Effect.fn("floods")(function* ({ isOver, broken }) {
    const postgres = yield* Effect.acquireRelease(
      Effect.promise(() => startPostgres()),
      ({ stop }) => Effect.promise(stop)
    )
    const port = yield* freePort
    const settings = {
      DATABASE_URL: postgres.url,
      PORT: String(port),
      AUTO_SEED_CLIENT_ID: "demo",
      AUTO_SEED_REDIRECT_URIS: "http://127.0.0.1/callback",
      LOG_LEVEL: "error"
    }
    yield* run("app/programs/dbInit.ts", settings)
    const program = yield* start("main.ts", settings, { openFiles: FILES })
    const baseUrl = `http://localhost:${port}`
    yield* ready(baseUrl, program)
    const pid = program.process.pid ?? 0
    const on = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.provideService(effect, TestApp, { baseUrl, port } as TestApp["Service"])

    const counts: Counts = { served: 0, turnedAway: 0, harm: "nothing", slowestMs: {} }
    let isEnding = false
    const honest = yield* Effect.forEach(Array.from({ length: HONEST }), () =>
      Effect.forkChild(on(honestLife(() => isEnding, counts, broken)))
    )
    const { access_token: token } = yield* on(obtainTokens())
    const before = { resident: residentOf(pid), files: filesOf(pid) }
    const crowd = yield* Effect.acquireRelease(
      Effect.sync(() => new Worker(new URL("./crowd.ts", import.meta.url))),
      (worker) => Effect.promise(() => worker.terminate())
    )
    const tell = (harm: Harm) => Effect.sync(() => crowd.postMessage(harm))
    let sockets = 0
    let mostFiles = 0
    let rounds = 0
    let afterFirst: number | undefined
    do {
      for (const name of yield* Random.shuffle(Object.keys(HARMS))) {
        const served = counts.served
        counts.harm = name
        yield* tell({ name, target: { port, token } })
        const [held] = yield* Effect.promise(() => once(crowd, "message"))
        sockets += Number(held)
        yield* Effect.sleep(HOLD_MS)
        mostFiles = Math.max(mostFiles, filesOf(pid))
        // However slow the machine, somebody gets through.
        const until = performance.now() + 60_000
        while (counts.served === served && performance.now() < until) yield* Effect.sleep("100 millis")
        if (counts.served === served) broken("a crowd does not keep honest clients out", name)
        yield* tell("over")
        while (filesOf(pid) > before.files + 100 && performance.now() < until) yield* Effect.sleep("100 millis")
        if (filesOf(pid) > before.files + 100) broken("nothing is left of a crowd", { name, files: filesOf(pid) })
        if (program.process.exitCode !== null) return yield* Effect.die(new Error(`it ended: ${program.output()}`))
      }
      rounds++
      afterFirst ??= residentOf(pid)
    } while (!isOver())
    isEnding = true
    yield* Effect.forEach(honest, Fiber.await)
    const last = residentOf(pid)
    if (last > MOST_GROWTH * afterFirst) broken("memory is flat", { afterFirst, last })
    if (/defect|unhandled/i.test(program.output()))
      broken("no request ends in a defect", program.output().slice(0, 2000))
    return {
      rounds,
      harms: rounds * Object.keys(HARMS).length,
      "idle and slow sockets": sockets,
      "most files of the server": mostFiles,
      "honest requests": counts.served,
      "turned away": counts.turnedAway,
      ...Object.fromEntries(Object.entries(counts.slowestMs).map(([harm, ms]) => [`slowest beside ${harm}, ms`, ms])),
      "MiB before": Math.round(before.resident / MIB),
      "MiB after one round": Math.round(afterFirst / MIB),
      "MiB at the end": Math.round(last / MIB)
    }
  })
}
