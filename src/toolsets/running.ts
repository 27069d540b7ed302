/** A tool at work: for a time, and no more of them at once than it allows, whatever `run` returns. */

import { Duration, Effect, Exit } from "effect"
import { ToolFailure } from "./failure.ts"

export interface Bounds {
  readonly name: string
  readonly title: string
  /** ChatGPT gives a call up after a minute. */
  readonly timeout: Duration.Duration
  /** How many calls may be at work in this process, and how many of one person. */
  readonly atOnce: number
  readonly perPerson: number
}

/** What a run does beside answering. */
export interface Run {
  /** Nobody waits for it any more. */
  readonly abort: () => void
}

type Begin<A, E, R> = () => A | PromiseLike<A> | Effect.Effect<A, E, R>

/** What `setTimeout` takes; for what is longer it waits not at all. */
const LONGEST_MS = 2 ** 31 - 1

const isPromise = <A>(value: unknown): value is PromiseLike<A> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

const working = new Map<string, number>()
/** The tools of this process that have begun something and not ended it. */
export const atWork = (): Iterable<string> => working.keys()

/** How many are at work at once, in all and of each person, and the words for whoever would be one more. */
export const makeRoom = ({ title, atOnce, perPerson }: Pick<Bounds, "title" | "atOnce" | "perPerson">) => {
  const busy = new ToolFailure(`${title} has too much to do at the moment. Try again in a few seconds.`)
  const ofPerson = new Map<string, number>()
  let running = 0
  return {
    refusal: (subject: string): ToolFailure | undefined =>
      running >= atOnce || (ofPerson.get(subject) ?? 0) >= perPerson ? busy : undefined,
    /** Answers how many there are now. */
    count: (subject: string, by: 1 | -1): number => {
      running += by
      const own = (ofPerson.get(subject) ?? 0) + by
      if (own > 0) ofPerson.set(subject, own)
      else ofPerson.delete(subject)
      return running
    }
  }
}

/** Makes what starts the calls of one tool. What `begin` throws is a defect, unless it is a `ToolFailure`. */
export const makeStart = ({ name, title, timeout, atOnce, perPerson }: Bounds) => {
  const room = makeRoom({ title, atOnce, perPerson })
  const tooLong = new ToolFailure(`${title} took longer than ${Duration.toSeconds(timeout)} seconds and was stopped.`)

  const count = (subject: string, by: 1 | -1) => {
    const running = room.count(subject, by)
    if (running > 0) working.set(name, running)
    else working.delete(name)
  }

  // Work that goes on in spite of its deadline still counts: what never ends can only end the tool.
  const awaited = <A>(promise: PromiseLike<A>, subject: string, run: Run) =>
    Effect.callback<A, ToolFailure>((resume) => {
      const timer = setTimeout(
        () => {
          run.abort()
          resume(Effect.fail(tooLong))
        },
        Math.min(Duration.toMillis(timeout), LONGEST_MS)
      )
      const settle = (exit: Effect.Effect<A, ToolFailure>) => {
        clearTimeout(timer)
        count(subject, -1)
        resume(exit)
      }
      count(subject, 1)
      promise.then(
        (value) => settle(Effect.succeed(value)),
        (reason) => settle(reason instanceof ToolFailure ? Effect.fail(reason) : Effect.die(reason))
      )
      return Effect.sync(() => {
        clearTimeout(timer)
        run.abort()
      })
    })

  const worked = <A, E, R>(effect: Effect.Effect<A, E, R>, subject: string, run: Run) =>
    Effect.acquireUseRelease(
      Effect.sync(() => count(subject, 1)),
      () => Effect.timeoutOrElse(effect, { duration: timeout, orElse: () => Effect.fail(tooLong) }),
      () =>
        Effect.sync(() => {
          count(subject, -1)
          run.abort()
        })
    )

  return <A, E, R>(subject: string, run: Run, begin: Begin<A, E, R>): Effect.Effect<A, E | ToolFailure, R> => {
    const refusal = room.refusal(subject)
    if (refusal !== undefined) return Effect.fail(refusal)
    const begun = begin()
    if (Effect.isEffect(begun)) {
      const effect = begun as Effect.Effect<A, E, R>
      // Answered already: the plain case of what takes no time.
      return Exit.isExit(begun) ? effect : worked(effect, subject, run)
    }
    return isPromise<A>(begun) ? awaited(begun, subject, run) : Effect.succeed(begun as A)
  }
}
