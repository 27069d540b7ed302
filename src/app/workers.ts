/**
 * Every core: `WORKERS` processes share the port (`node:cluster`), and this one looks after them. Each is a whole server
 * with a pool and a memory of its own; what must be known to all of them is in the database.
 */

import cluster, { type Worker } from "node:cluster"
import { Effect, Schedule, Schema } from "effect"

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
const start = (number: number) =>
  Effect.acquireRelease(
    Effect.sync(() => cluster.fork({ WORKER: String(number) })),
    (worker) =>
      Effect.andThen(
        Effect.sync(() => worker.process.kill("SIGTERM")),
        exited(worker)
      )
  )

/** Keeps the worker of a number running. What fails at the first start would fail again; later it may be the database. */
const keep = Effect.fnUntraced(function* (number: number) {
  let hasListened = false
  const live = Effect.gen(function* () {
    const worker = yield* start(number)
    worker.once("listening", () => {
      hasListened = true
    })
    yield* exited(worker)
    if (!hasListened) return yield* new WorkerFailed({ message: `worker ${number} did not start` })
    yield* Effect.logError("a worker ended, and is started again").pipe(Effect.annotateLogs({ worker: number }))
  })
  return yield* Effect.repeat(Effect.scoped(live), Schedule.spaced(RESTART_AFTER))
})

/** Runs `count` workers until it is interrupted. */
export const supervise = (count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, index) => index + 1),
    keep,
    { concurrency: "unbounded", discard: true }
  )
