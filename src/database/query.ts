/** How the stores speak to the database. */

import { Cause, Context, Effect, Fiber, Schema } from "effect"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { overloadRefused } from "../telemetry/counts.ts"
import { queue } from "./queue.ts"

/** The database did not answer. Always 503 with `Retry-After`: clients throw credentials away on `invalid_*`. */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  cause: Schema.Defect()
}) {
  override get message() {
    return isSqlError(this.cause) ? `the database did not answer: ${whyOf(this.cause)}` : "the database did not answer"
  }
}

/** The sentence inside a driver's error. */
export const whyOf = (error: Error): string => {
  const messages: Array<string> = []
  let cause: unknown = error
  while (cause instanceof Error && messages.length < 6) {
    messages.push(cause.message)
    cause = "reason" in cause ? cause.reason : cause.cause
  }
  return messages.at(-1) || error.message
}

/** Longer than the database itself lets a statement take (5 s), so that its own answer comes first where it gives one. */
const DEADLINE_MS = 8000

/** Whether the caller of what is at work was told that there is no answer. */
class GivenUp extends Context.Reference<() => boolean>("gatehouse/database/GivenUp", {
  defaultValue: () => () => false
}) {}

/**
 * Ends here what was given up. It was stuck on its way, and has found out late what its caller has done since: that must not be
 * held against them.
 */
export const unlessGivenUp = Effect.flatMap(GivenUp, (isGivenUp) => (isGivenUp() ? Effect.interrupt : Effect.void))

/**
 * The database's answer within so many milliseconds, also where the caller may not be interrupted, and where the
 * connection gives no sign of life. What was only waiting for a connection is never sent after that; what was sent is
 * cancelled in the background, and its connection is not used again unless the database says that it ended.
 */
export const within =
  (milliseconds: number) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | StoreUnavailable, R> =>
    Effect.contextWith((context: Context.Context<R>) =>
      Effect.callback<A, E | StoreUnavailable>((resume) => {
        const isGivenUpAbove = Context.get(context, GivenUp)
        let isGivenUp = false
        const known = Context.add(context, GivenUp, () => isGivenUp || isGivenUpAbove())
        // A fiber of its own: one that was told to end would be waited for, and that takes a silent connection seconds.
        const fiber = Effect.runForkWith(known)(effect)
        const timer = setTimeout(() => {
          isGivenUp = true
          resume(Effect.fail(new StoreUnavailable({ cause: new Error(`no answer within ${milliseconds} ms`) })))
          fiber.interruptUnsafe()
        }, milliseconds)
        fiber.addObserver((exit) => {
          clearTimeout(timer)
          resume(exit)
        })
        return Fiber.interrupt(fiber)
      })
    )

const bounded = within(DEADLINE_MS)

const isLoss = (defect: unknown): defect is SqlError | StoreUnavailable =>
  isSqlError(defect) || defect instanceof StoreUnavailable

/**
 * A connection that was lost in a transaction cannot roll back either. Effect calls that a defect, and with it whatever the
 * transaction was to fail with, a refusal, or the failure of an operation inside this one: it is this error.
 */
export const ifLost =
  <F>(failed: (error: SqlError | StoreUnavailable) => F) =>
  <A, E, R>(transaction: Effect.Effect<A, E, R>): Effect.Effect<A, E | F, R> =>
    Effect.catchCause(transaction, (cause): Effect.Effect<never, E | F> => {
      const lost = cause.reasons.flatMap((reason) =>
        Cause.isDieReason(reason) && isLoss(reason.defect) ? [reason.defect] : []
      )[0]
      return lost === undefined ? Effect.failCause(cause) : Effect.fail(failed(lost))
    })

/** Made once: many are refused at a time. */
const busy = new StoreUnavailable({ cause: new Error("too many operations wait for the database") })
/**
 * Whether something may have been written, though it failed: a refusal has written nothing, and what never began neither; of all else
 * nobody knows.
 */
export const mayHaveWritten = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.every(
    (reason) => !Cause.isFailReason(reason) || (reason.error instanceof StoreUnavailable && reason.error !== busy)
  )

const refused = overloadRefused.of("database")
const enter = Effect.suspend(() => {
  if (queue.enter(performance.now())) return Effect.void
  refused.value++
  return Effect.fail(busy)
})
const leave = Effect.sync(() => queue.leave(performance.now()))

/** Where too many wait already, nobody waits behind them. */
const queued = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | StoreUnavailable, R> =>
  Effect.acquireUseRelease(
    enter,
    () => bounded(effect),
    () => leave
  )

const TELL_EVERY_MS = 60_000
let busyTold = Number.NEGATIVE_INFINITY

/** Says in the log that the database did not answer; of those who could not wait for it, once a minute how many they are. */
export const report = (error: StoreUnavailable): Effect.Effect<void> => {
  if (error !== busy) return Effect.logError("the database did not answer", error)
  if (performance.now() - busyTold < TELL_EVERY_MS) return Effect.void
  busyTold = performance.now()
  return Effect.logWarning("too many operations wait for the database: more are refused").pipe(
    Effect.annotateLogs({ refused: queue.refused() })
  )
}

/** What an operation may refuse by itself, beside the failures of the database. */
export type Refusal<E> = Exclude<E, SqlError | Schema.SchemaError>

/**
 * A store operation as its callers see it: the database's failure, or its silence, is one typed error (503), and a row
 * that does not fit its schema is a defect, since only we write rows. Refusals of the operation's own pass.
 */
export const operation = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, Refusal<E> | StoreUnavailable, R> =>
  queued(effect).pipe(
    Effect.catch((error): Effect.Effect<never, Refusal<E> | StoreUnavailable> => {
      if (isSqlError(error)) return Effect.fail(new StoreUnavailable({ cause: error }))
      if (Schema.isSchemaError(error)) return Effect.die(error)
      // The two are gone, which a type parameter does not learn.
      return Effect.fail(error as Refusal<E>)
    }),
    ifLost((error) => (isSqlError(error) ? new StoreUnavailable({ cause: error }) : error))
  )

/** Whether a text is an id of ours, and not what somebody typed into an address. */
export const isUuid = (id: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)

/** Decodes all rows of a statement. */
export const rows = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(Schema.Array(schema))
  return <E, R>(statement: Effect.Effect<ReadonlyArray<unknown>, E, R>) => Effect.flatMap(statement, decode)
}

/** Decodes the first row of a statement, if there is one. */
export const firstRow = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = rows(schema)
  return <E, R>(statement: Effect.Effect<ReadonlyArray<unknown>, E, R>) =>
    Effect.map(decode(statement), (all): S["Type"] | undefined => all[0])
}
