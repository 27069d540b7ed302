/**
 * The numbers of several workers as those of one server. Each is asked over the channel that it was started with; whoever is late,
 * or ends meanwhile, holds nobody up. What was counted never becomes less: of a worker that has not answered stands what it said
 * last, and what one had counted that ended goes on to count.
 */

import cluster, { type Worker } from "node:cluster"
import { Effect, Layer } from "effect"
import { FAMILIES } from "../telemetry/counts.ts"
import { scrape } from "../telemetry/scrape.ts"
import { lasting, type Snapshot, sumOf } from "../telemetry/series.ts"

const ANSWERS_WITHIN = "2 seconds"

/** From the supervising process to a worker, and back. Both are this program. */
type Question = { readonly gatehouse: "scrape"; readonly id: number }
type Answer = { readonly gatehouse: "scraped"; readonly id: number; readonly snapshot: Snapshot }

const isAbout = (message: unknown, what: string): boolean =>
  typeof message === "object" && message !== null && "gatehouse" in message && message.gatehouse === what

export interface Gathering {
  /** Asks this worker too, until it ends. */
  readonly watch: (worker: Worker) => void
  readonly gathered: Effect.Effect<Snapshot>
}

export const makeGathering = (): Gathering => {
  const workers = new Set<Worker>()
  const last = new Map<Worker, Snapshot>()
  let ended: Snapshot = {}
  let questions = 0

  const ask = (worker: Worker) =>
    Effect.callback<Snapshot | undefined>((resume) => {
      const id = ++questions
      const hear = (message: unknown) => {
        if (!isAbout(message, "scraped")) return
        // Sent by `AnswerGathering` alone.
        const { id: answered, snapshot } = message as Answer
        if (answered !== id) return
        last.set(worker, snapshot)
        resume(Effect.succeed(snapshot))
      }
      worker.on("message", hear)
      const question: Question = { gatehouse: "scrape", id }
      if (worker.isConnected()) worker.send(question, () => undefined)
      else resume(Effect.succeed(undefined))
      return Effect.sync(() => worker.off("message", hear))
    }).pipe(Effect.timeoutOrElse({ duration: ANSWERS_WITHIN, orElse: () => Effect.succeed(undefined) }))

  return {
    watch: (worker) => {
      workers.add(worker)
      worker.once("exit", () => {
        workers.delete(worker)
        ended = sumOf(FAMILIES, [ended, lasting(FAMILIES, last.get(worker) ?? {})])
        last.delete(worker)
      })
    },
    gathered: Effect.gen(function* () {
      const asked = [...workers]
      const answers = yield* Effect.forEach(asked, ask, { concurrency: "unbounded" })
      const silent = asked.filter((_, at) => answers[at] === undefined)
      const own = yield* scrape
      return sumOf(FAMILIES, [
        ended,
        own,
        ...answers.filter((answer) => answer !== undefined),
        ...silent.map((worker) => lasting(FAMILIES, last.get(worker) ?? {}))
      ])
    })
  }
}

/** Answers the process that started this one. */
export const AnswerGathering = Layer.effectDiscard(
  Effect.gen(function* () {
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const hear = (message: unknown) => {
      if (!isAbout(message, "scrape")) return
      // Sent by `makeGathering` alone.
      const { id } = message as Question
      run(
        Effect.map(scrape, (snapshot) => {
          const answer: Answer = { gatehouse: "scraped", id, snapshot }
          cluster.worker?.send(answer, () => undefined)
        })
      )
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => cluster.worker?.on("message", hear)),
      () => Effect.sync(() => cluster.worker?.off("message", hear))
    )
  })
)
