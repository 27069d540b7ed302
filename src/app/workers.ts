/**
 * Every core: `WORKERS` processes share the port (`node:cluster`), and this one looks after them. Each is a whole server
 * with a pool and a memory of its own; what must be known to all of them is in the database.
 */

import cluster, { type Worker } from "node:cluster"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Schedule, Schema } from "effect"
import { metricsTold } from "../telemetry/push.ts"
import { type Gathering, makeGathering } from "./gathering.ts"

/** A worker ended before it ever listened; it has said why. */
export class WorkerFailed extends Schema.TaggedError<WorkerFailed>()("WorkerFailed", { message: Schema.String }) {}

const RESTART_AFTER = "1 second"

/** Whether this process was started by `supervise`. */
export const isWorker = cluster.isWorker

const exited = (worker: Worker) =>
  Effect.callback<void>((resume) => {
    if (worker.isDead()) resume(Effect.void)
    else worker.once("exit", () => resume(Effect.void))
  })

/** A worker for the length of a scope; when that closes, it still answers what it has begun to answer. */
const start = (number: number, sockets: string) =>
  Effect.acquireRelease(
    Effect.sync(() => cluster.fork({ WORKER: String(number), WORKER_SOCKETS: sockets })),
    (worker) =>
      Effect.andThen(
        Effect.sync(() => worker.process.kill("SIGTERM")),
        exited(worker)
      )
  )

/** Keeps the worker of a number running. What fails at the first start would fail again; later it may be the database. */
const keep = Effect.fnUntraced(function* (number: number, sockets: string, gathering: Gathering) {
  let hasListened = false
  const live = Effect.gen(function* () {
    const worker = yield* start(number, sockets)
    gathering.watch(worker)
    worker.once("listening", () => {
      hasListened = true
    })
    yield* exited(worker)
    if (!hasListened) return yield* new WorkerFailed({ message: `worker ${number} did not start` })
    yield* Effect.logError("a worker ended, and is started again").pipe(Effect.annotateLogs({ worker: number }))
  })
  return yield* Effect.repeat(Effect.scoped(live), Schedule.spaced(RESTART_AFTER))
})

/** Where they hear each other: a folder that only this user may enter. */
const socketFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gatehouse-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Runs `count` workers until it is interrupted. Their numbers are told as those of one server. */
export const supervise = Effect.fn("supervise")(function* (count: number) {
  const sockets = yield* socketFolder
  const gathering = makeGathering()
  yield* Layer.build(metricsTold(gathering.gathered))
  yield* Effect.forEach(
    Array.from({ length: count }, (_, index) => index + 1),
    (number) => keep(number, sockets, gathering),
    { concurrency: "unbounded", discard: true }
  )
}, Effect.scoped)
