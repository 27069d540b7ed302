/**
 * Good access tokens, kept for some seconds so that most calls of a chatty client need no query.
 *
 * Only while a listener hears of revocations (`announce_*` in the migrations): without one, nothing is kept. What ends a
 * session in this process is forgotten at once, what ends it elsewhere as soon as the database has told.
 */

import type { Scope } from "effect"
import { Clock, Context, Effect, Layer, Queue, Schedule } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { Principal } from "../clients/client.ts"

/** No revocation goes unheard for longer, whatever becomes of the listener. */
export const LONGEST_MS = 5000
/** Some hundred bytes each. */
const CAPACITY = 20_000

/** Every revocation that the database tells: a session's id, or `*` for more than one can name. */
export type Revocations = Effect.Effect<Queue.Dequeue<{ readonly payload: string }, SqlError>, SqlError, Scope.Scope>

/** Where revocations are heard; nowhere behind a transaction pooler, or in the embedded database's one connection. */
export class RevocationFeed extends Context.Reference<Revocations | undefined>("gatehouse/store/RevocationFeed", {
  defaultValue: () => undefined
}) {}

interface Entry {
  readonly principal: Principal
  /** In milliseconds of this process's clock. */
  readonly until: number
}

export class AccessCache extends Context.Service<
  AccessCache,
  {
    /** The principal of a token's fingerprint, if it was good a moment ago. */
    readonly recall: (fingerprint: string, now: number) => Principal | undefined
    /** Keeps a principal that the database has just answered for `remaining` milliseconds at most. */
    readonly keep: (fingerprint: string, principal: Principal, remaining: number, now: number) => void
    /** Whether anything may be kept at all. */
    readonly isHearing: () => boolean
    /** Another number after every revocation: what a query answered before it may be out of date. */
    readonly epoch: () => number
    readonly forget: (sessionId: string) => void
    readonly forgetAll: () => void
  }
>()("gatehouse/store/AccessCache") {
  static readonly layer = Layer.effect(
    AccessCache,
    Effect.gen(function* () {
      const feed = yield* RevocationFeed
      const entries = new Map<string, Entry>()
      const bySession = new Map<string, Set<string>>()
      let isHearing = false
      let epoch = 0

      const drop = (fingerprint: string) => {
        const entry = entries.get(fingerprint)
        if (entry === undefined) return
        entries.delete(fingerprint)
        const { sessionId } = entry.principal
        const others = bySession.get(sessionId)
        others?.delete(fingerprint)
        if (others?.size === 0) bySession.delete(sessionId)
      }
      const forgetAll = () => {
        epoch++
        entries.clear()
        bySession.clear()
      }
      const forget = (sessionId: string) => {
        epoch++
        for (const fingerprint of [...(bySession.get(sessionId) ?? [])]) drop(fingerprint)
      }

      if (feed !== undefined) {
        const hear = Effect.gen(function* () {
          const queue = yield* feed
          isHearing = true
          yield* Queue.take(queue).pipe(
            Effect.map(({ payload }) => (payload === "*" ? forgetAll() : forget(payload))),
            Effect.forever
          )
        }).pipe(
          Effect.scoped,
          Effect.ensuring(
            Effect.sync(() => {
              isHearing = false
              forgetAll()
            })
          ),
          Effect.tapCause(() => Effect.logWarning("revocations are not heard; access tokens are not kept in memory"))
        )
        yield* Effect.forkScoped(Effect.retry(hear, Schedule.spaced("1 second")))
      }

      return AccessCache.of({
        recall: (fingerprint, now) => {
          const entry = entries.get(fingerprint)
          if (entry === undefined) return undefined
          if (entry.until > now) return entry.principal
          drop(fingerprint)
          return undefined
        },
        keep: (fingerprint, principal, remaining, now) => {
          if (!isHearing) return
          // The one that was put in first goes first.
          const [oldest] = entries.size >= CAPACITY ? entries.keys() : []
          if (oldest !== undefined) drop(oldest)
          entries.set(fingerprint, { principal, until: now + Math.min(LONGEST_MS, remaining) })
          const { sessionId } = principal
          const others = bySession.get(sessionId)
          if (others === undefined) bySession.set(sessionId, new Set([fingerprint]))
          else others.add(fingerprint)
        },
        isHearing: () => isHearing,
        epoch: () => epoch,
        forget,
        forgetAll
      })
    })
  )
}

/** Milliseconds of this process's clock: an entry's age, and nothing else, is measured by it. */
export const now = Clock.currentTimeMillis
