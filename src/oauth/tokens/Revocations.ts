/**
 * What has ended, as the database tells it to all instances (`announce_*` in the migrations), and what may be kept in
 * memory meanwhile: for some seconds, and only while the database is heard. Whatever cannot be heard is not kept.
 */

import { Context, Effect, Exit, Layer, Queue, Schedule } from "effect"
import { RevocationFeed } from "../../database/connect.ts"
import { mayHaveWritten } from "../../database/query.ts"
import { orTell } from "./background.ts"

/** No revocation goes unheard for longer, whatever becomes of the listener. */
const LONGEST_MS = 5000
/** More than one can name. */
export const EVERYTHING = "*"

/** What the database answered a moment ago, by key. Times are milliseconds of this process's clock. */
export interface Memory<A> {
  readonly recall: (key: string, now: number) => A | undefined
  /**
   * Keeps a value for `remaining` at most, until `about` (a session, a client) is told to have ended or changed. Not kept
   * is what was asked before the last revocation, since that may be younger than the answer: `epoch` is from then.
   */
  readonly keep: (
    key: string,
    value: A,
    fate: { readonly about: string; readonly epoch: number; readonly remaining: number; readonly now: number }
  ) => void
}

export class Revocations extends Context.Service<
  Revocations,
  {
    /** Whether revocations anywhere else are heard here. */
    readonly hears: () => boolean
    /** Another number after every revocation. */
    readonly epoch: () => number
    /**
     * Says what a change has ended, which need not be heard from the database first: `about`, or what `ended` reads in its answer. It is said
     * also where the caller has hung up meanwhile; `about` where nobody knows whether the change was made, and nothing of a refusal.
     */
    readonly telling: <A>(
      about: string,
      ended?: (answer: A) => ReadonlyArray<string>
    ) => <E, R>(change: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** A memory of this many values. */
    readonly memory: <A>(capacity: number) => Memory<A>
  }
>()("gatehouse/oauth/Revocations") {
  static readonly layer = Layer.effect(
    Revocations,
    Effect.gen(function* () {
      const feed = yield* RevocationFeed
      const forgetting: Array<(about: string) => void> = []
      let isHearing = false
      let epoch = 0

      const tell = (about: string) => {
        epoch++
        for (const forget of forgetting) forget(about)
      }

      if (feed !== undefined) {
        const hear = Effect.gen(function* () {
          const queue = yield* feed
          isHearing = true
          // What was asked before may be older than a revocation that nobody heard.
          epoch++
          yield* Queue.take(queue).pipe(
            Effect.map(({ payload }) => tell(payload)),
            Effect.forever
          )
        }).pipe(
          Effect.scoped,
          Effect.ensuring(
            Effect.sync(() => {
              isHearing = false
              tell(EVERYTHING)
            })
          ),
          orTell("revocations are not heard; access tokens are not kept in memory")
        )
        yield* Effect.forkScoped(Effect.repeat(hear, Schedule.spaced("1 second")))
      }

      const memory = <A>(capacity: number): Memory<A> => {
        const entries = new Map<string, { readonly value: A; readonly about: string; readonly until: number }>()
        const keysAbout = new Map<string, Set<string>>()

        const drop = (key: string) => {
          const entry = entries.get(key)
          if (entry === undefined) return
          entries.delete(key)
          const keys = keysAbout.get(entry.about)
          keys?.delete(key)
          if (keys?.size === 0) keysAbout.delete(entry.about)
        }
        forgetting.push((about) => {
          if (about === EVERYTHING) {
            entries.clear()
            keysAbout.clear()
          }
          for (const key of [...(keysAbout.get(about) ?? [])]) drop(key)
        })

        return {
          recall: (key, now) => {
            const entry = entries.get(key)
            if (entry === undefined) return undefined
            if (entry.until > now) return entry.value
            drop(key)
            return undefined
          },
          keep: (key, value, { about, epoch: asked, remaining, now }) => {
            if (!isHearing || asked !== epoch) return
            drop(key)
            // The one that was put in first goes first.
            const [oldest] = entries.size >= capacity ? entries.keys() : []
            if (oldest !== undefined) drop(oldest)
            entries.set(key, { value, about, until: now + Math.min(LONGEST_MS, remaining) })
            const keys = keysAbout.get(about)
            if (keys === undefined) keysAbout.set(about, new Set([key]))
            else keys.add(key)
          }
        }
      }

      return Revocations.of({
        hears: () => isHearing,
        epoch: () => epoch,
        telling: (about, ended) => (change) =>
          Effect.onExit(change, (exit) =>
            Effect.sync(() => {
              if (Exit.isSuccess(exit)) for (const each of ended?.(exit.value) ?? [about]) tell(each)
              else if (mayHaveWritten(exit.cause)) tell(about)
            })
          ),
        memory
      })
    })
  )
}
