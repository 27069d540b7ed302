/**
 * What all instances count together, in Redis. A request waits for it once and never long: as soon as one got no answer, all
 * others are counted in this process (`Limiter.ts`), and whether it is back is found out beside them. Loaded where it is used,
 * since it takes a third of a second.
 *
 * Keys are a kind and a mark, so whoever reads Redis learns neither an address nor a name, and each has an end.
 */

import { createClient } from "@redis/client"
import { Cause, Deferred, Duration, Effect, Redacted, Schedule } from "effect"
import { RateLimiter, Redis } from "effect/persistence"
import { limitStoreUnavailable } from "../telemetry/counts.ts"
import { type CountedTogether, CountsAway, takeFrom } from "./Limiter.ts"

const PREFIX = "gatehouse:"
/** Redis answers within a millisecond where it answers at all. */
const ANSWERS_WITHIN_MS = 1000
const CONNECTS_WITHIN_MS = 2000
const TRIED_AGAIN_AFTER = "1 second"

const noteScript = Redis.script((key: string, forgottenMs: number) => [key, forgottenMs], {
  numberOfKeys: 1,
  lua: `
local count = redis.call("INCR", KEYS[1])
redis.call("PEXPIRE", KEYS[1], ARGV[1])
return count
`
}).withReturnType<number>()

const clientOf = (url: Redacted.Redacted) =>
  createClient({
    url: Redacted.value(url),
    // Connected again by `countTogether` alone: what does so by itself also keeps what it could not send.
    disableOfflineQueue: true,
    // Whoever ends connections that nobody uses for minutes is none that is away.
    pingInterval: 30_000,
    socket: { connectTimeout: CONNECTS_WITHIN_MS, reconnectStrategy: false }
  })

/** A connection that can count, and what ends its use. */
interface Connection {
  readonly client: ReturnType<typeof clientOf>
  readonly lost: Deferred.Deferred<never, unknown>
}

const failed = (cause: unknown) => new Redis.RedisError({ cause })

/** The sentence in what was thrown; never the URL, which may hold a password. */
const whyOf = (trouble: unknown): string => {
  if (Cause.isTimeoutError(trouble)) return "no answer in time"
  if (!(trouble instanceof Error)) return "unknown"
  if (trouble instanceof RateLimiter.RateLimiterError) return whyOf(trouble.reason)
  return trouble.cause === undefined ? trouble.message : whyOf(trouble.cause)
}

/** A timer that is late because this process was busy finds the answer that came meanwhile. */
const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(
    effect,
    Effect.sleep(ANSWERS_WITHIN_MS).pipe(
      Effect.andThen(Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))),
      Effect.andThen(Effect.fail(new Cause.TimeoutError()))
    )
  )

/** Counts for as long as the scope; `markOf` makes of a key what may stand there. */
export const countTogether = Effect.fn("redis.countTogether")(function* (
  url: Redacted.Redacted,
  markOf: (key: string) => string
) {
  let current: Connection | undefined
  let countedHere = 0

  const redis = yield* Redis.make({
    send: (command, ...args) =>
      Effect.suspend(() => {
        const client = current?.client
        if (client === undefined) return Effect.fail(failed(new Error("not connected")))
        // Whoever asks says what the answer is, as the interface has it.
        return Effect.tryPromise({ try: () => client.sendCommand([command, ...args]) as Promise<never>, catch: failed })
      }),
    // Nothing here needs a connection of its own.
    connect: Effect.fail(failed(new Error("one connection is all"))),
    subscribe: () => Effect.fail(failed(new Error("nothing is listened to")))
  })
  const store = yield* RateLimiter.makeStoreRedis({ prefix: PREFIX }).pipe(Effect.provideService(Redis.Redis, redis))
  const limiter = yield* RateLimiter.make.pipe(Effect.provideService(RateLimiter.RateLimiterStore, store))
  const note = redis.eval(noteScript)
  const nameOf = (kind: string, key: string) => `${kind}:${markOf(`${kind}\n${key}`)}`

  /** What Redis answers, unless it is not there, or turns out not to be. */
  const there = <A>(asked: Effect.Effect<A, unknown>) =>
    Effect.suspend((): Effect.Effect<A, CountsAway> => {
      const connection = current
      const away = Effect.suspend(() => {
        countedHere++
        limitStoreUnavailable.of().value++
        return Effect.fail(new CountsAway())
      })
      if (connection === undefined) return away
      return Effect.catch(inTime(asked), (trouble) => {
        Deferred.doneUnsafe(connection.lost, Effect.fail(trouble))
        return away
      })
    })

  /** One that can count: a replica, or what has no memory left, cannot. It is let go of with the scope. */
  const connect = Effect.gen(function* () {
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => clientOf(url)),
      // Not `close`, which waits for answers that may never come.
      (client) => Effect.sync(() => client.isOpen && client.destroy())
    )
    const connection: Connection = { client, lost: Deferred.makeUnsafe() }
    client.on("error", (error) => Deferred.doneUnsafe(connection.lost, Effect.fail(error)))
    yield* Effect.tryPromise({
      try: async () => {
        await client.connect()
        await client.sendCommand(["EVAL", noteScript.lua, "1", `${PREFIX}here`, "1000"])
      },
      catch: failed
    }).pipe(Effect.timeout(CONNECTS_WITHIN_MS))
    return connection
  })

  let isTold = false
  const gone = (trouble: unknown) =>
    Effect.suspend(() => {
      if (isTold) return Effect.void
      isTold = true
      return Effect.logWarning("Redis does not answer: limits are counted in this process alone").pipe(
        Effect.annotateLogs({ error: whyOf(trouble) })
      )
    })
  const back = Effect.suspend(() => {
    if (!isTold) return Effect.void
    isTold = false
    return Effect.logInfo("Redis answers again: limits are counted by all instances together")
  })

  const tried = yield* Deferred.make<void>()
  const untilLost = Effect.gen(function* () {
    const connection = yield* connect
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        current = connection
      }),
      () =>
        Effect.sync(() => {
          current = undefined
        })
    )
    yield* back
    yield* Deferred.succeed(tried, undefined)
    return yield* Deferred.await(connection.lost)
  }).pipe(Effect.scoped, Effect.catch(gone), Effect.andThen(Deferred.succeed(tried, undefined)))
  yield* Effect.forkScoped(Effect.repeat(untilLost, Schedule.spaced(TRIED_AGAIN_AFTER)))
  // The first request is counted where all others are.
  yield* Deferred.await(tried)

  return {
    take: (kind, key, allowance) =>
      there(Effect.catchTag(takeFrom(limiter, kind, nameOf(kind, key), allowance), "TooMany", Effect.succeed)).pipe(
        Effect.flatMap((refused) => (refused === undefined ? Effect.void : Effect.fail(refused)))
      ),
    note: (kind, key, forgotten) =>
      there(note(PREFIX + nameOf(kind, key), Duration.toMillis(Duration.fromInputUnsafe(forgotten)))),
    noted: (kind, key) => Effect.map(there(redis.send("GET", PREFIX + nameOf(kind, key))), Number),
    isThere: () => current !== undefined,
    countedHere: () => countedHere
  } satisfies CountedTogether
})
