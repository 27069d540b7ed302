/**
 * Work that strangers' data decides the cost of, aside of the event loop: in a few threads, each job with a time and a
 * memory of its own. A thread that exceeds them ends, and another one takes its place. Threads start when they are
 * needed, end when they are not, and keep no process alive.
 */

import { Worker } from "node:worker_threads"
import { type Duration, Effect, Pool, Schema, type Scope } from "effect"

const IDLE = "1 minute"
const YOUNG_MB = 32

/** A job without a result. `message` is for whoever asked for it, `reason` for the log. */
export class NotDone extends Schema.TaggedError<NotDone>()("NotDone", {
  message: Schema.String,
  reason: Schema.String
}) {}

/** A thread ended while nobody looked. */
class Ended extends Schema.TaggedError<Ended>()("Ended", {}) {}

/** What a program says of a job before its answer, as `{ told: … }`. */
export type Told = (message: unknown) => void

export interface AsideOptions {
  /** A module that answers each message with one, after any number of `{ told: … }`. */
  readonly program: URL
  readonly workerData?: unknown
  /** What whoever asked reads of a job that costs too much, and of one that found no thread. */
  readonly words: { readonly tooCostly: string; readonly busy: string }
  readonly threads: number
  /** How many jobs may wait for a thread, and how long each. */
  readonly maxWaiting: number
  readonly turn: Duration.Input
  /** For one job, from the time when it has a thread. */
  readonly time: Duration.Input
  readonly memoryMb: number
}

/** Threads that run one program, for the length of the scope. */
export const aside = Effect.fnUntraced(function* <In>({
  program,
  workerData,
  words,
  threads,
  maxWaiting,
  turn,
  time,
  memoryMb
}: AsideOptions): Effect.fn.Return<
  { readonly run: (job: In, transfer?: ReadonlyArray<ArrayBuffer>, told?: Told) => Effect.Effect<unknown, NotDone> },
  never,
  Scope.Scope
> {
  const tooCostly = (reason: string) => new NotDone({ message: words.tooCostly, reason })
  const busy = new NotDone({ message: words.busy, reason: "no thread was free" })
  const running = new Set<Worker>()
  const thread = Effect.acquireRelease(
    Effect.sync(() => {
      const worker = new Worker(program, {
        // Node's own type stripping, whatever this process was started with; and none of its secrets.
        execArgv: [],
        env: {},
        workerData,
        resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: YOUNG_MB }
      })
      worker.unref()
      // Without a listener, the end of an idle thread would be the end of the process.
      worker.on("error", () => {})
      running.add(worker)
      worker.once("exit", () => running.delete(worker))
      return worker
    }),
    // It is not waited for: whoever waits for a thread may have the next one.
    (worker) =>
      Effect.sync(() => {
        worker.terminate()
      })
  )
  const pool = yield* Pool.makeWithTTL({ acquire: thread, min: 0, max: threads, timeToLive: IDLE })
  // The pool waits for those who have a thread: without it they are done at once.
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const worker of running) worker.terminate()
    })
  )
  let jobs = 0

  const attempt = (worker: Worker, job: Job<In>): Effect.Effect<unknown, NotDone | Ended> =>
    answerOf(worker, job, tooCostly).pipe(
      Effect.timeoutOrElse({ duration: time, orElse: () => Effect.fail(tooCostly("it took too long")) }),
      // What was given up is still at work.
      Effect.onError(() => Pool.invalidate(pool, worker))
    )

  const once = (job: Job<In>) =>
    Pool.get(pool).pipe(
      Effect.timeoutOrElse({ duration: turn, orElse: () => Effect.fail(busy) }),
      Effect.flatMap((worker) =>
        isEnded(worker) ? Effect.andThen(Pool.invalidate(pool, worker), new Ended()) : attempt(worker, job)
      ),
      Effect.scoped
    )

  const run = (message: In, transfer: ReadonlyArray<ArrayBuffer> = [], told: Told = () => undefined) =>
    Effect.suspend(() => {
      if (jobs >= threads + maxWaiting) return Effect.fail(busy)
      jobs++
      return once({ message, transfer, told }).pipe(
        Effect.retry({ times: threads, while: (error: NotDone | Ended) => error._tag === "Ended" }),
        Effect.catchTag("Ended", () => Effect.fail(busy)),
        Effect.ensuring(
          Effect.sync(() => {
            jobs--
          })
        )
      )
    })
  return { run }
})

const isEnded = ({ threadId }: Worker) => threadId === -1

interface Job<In> {
  readonly message: In
  /** What the thread gets for good, and need not be copied. */
  readonly transfer: ReadonlyArray<ArrayBuffer>
  readonly told: Told
}

const isTold = (message: unknown): message is { readonly told: unknown } =>
  typeof message === "object" && message !== null && "told" in message

const answerOf = <In>(worker: Worker, { message, transfer, told }: Job<In>, tooCostly: (reason: string) => NotDone) =>
  Effect.callback<unknown, NotDone>((resume) => {
    const settle = (result: Effect.Effect<unknown, NotDone>) => {
      stop()
      resume(result)
    }
    const answer = (message: unknown) => (isTold(message) ? told(message.told) : settle(Effect.succeed(message)))
    const fail = (error: Error) => settle(tooCostly("code" in error ? String(error.code) : error.name))
    const end = () => settle(tooCostly("the thread ended"))
    const stop = () => worker.off("message", answer).off("error", fail).off("exit", end)
    worker.on("message", answer).on("error", fail).on("exit", end)
    worker.postMessage(message, [...transfer])
    return Effect.sync(stop)
  })
