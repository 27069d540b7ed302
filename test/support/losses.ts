/** The connection to the database is lost at each statement of something in turn: before it is sent, and when only its answer is missing. */

import { PgClient } from "@effect/sql-pg"
import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Answer } from "./client.ts"
import { clientOf, migratedDatabaseUrl } from "./postgres.ts"
import { type PostgresProxy, postgresProxy } from "./postgresProxy.ts"

/** How many there are of everything. */
type State = ReadonlyMap<string, number>

/** What became more and less between two states. */
const change = (before: State, after: State): string =>
  [...new Set([...before.keys(), ...after.keys()])]
    .map((what) => ({ what, by: (after.get(what) ?? 0) - (before.get(what) ?? 0) }))
    .filter(({ by }) => by !== 0)
    .map(({ what, by }) => `${by > 0 ? "+" : ""}${by} ${what}`)
    .toSorted()
    .join(", ")

/** One thing that somebody does. */
export interface Deed<R> {
  /** What is there before it; then what they do, and how they get on when there was no answer. */
  readonly begin: Effect.Effect<
    {
      readonly act: Effect.Effect<Answer, unknown, R>
      readonly again: (answer: Answer) => Effect.Effect<Answer, unknown, R>
    },
    unknown,
    R
  >
  /** How far it may come, beside all and nothing, each a whole by itself: that is why. */
  readonly between?: ReadonlyArray<string>
  /** Whether an answer is that of what was done. */
  readonly isDone?: (answer: Answer) => boolean
  /** Whether it may be answered as done, and told as undone, for another reason than the database. */
  readonly isUndone?: (answer: Answer) => boolean
}

export const isDone = ({ status, text }: Answer) => (status === 200 || status === 303) && !text.includes('role="alert"')

const LOSSES = ["unsent", "unanswered"] as const

/** A database of its own, and what stands in the way to it. */
export const losing = Effect.gen(function* () {
  const url = new URL(yield* migratedDatabaseUrl)
  const proxy = yield* postgresProxy(url.hostname, Number(url.port))
  url.port = String(proxy.port)
  return { database: Layer.orDie(PgClient.layerFrom(clientOf(url.href, 4))), proxy }
})

/** It was done then, or it was not, or as far as is said; and they get on. */
export const loseEachStatement = Effect.fn("test.loseEachStatement")(function* <R, E, S>(
  { begin, between = [], isDone: isDoneAs = isDone, isUndone = ({ status }) => status === 503 }: Deed<R>,
  state: Effect.Effect<State, E, S>,
  proxy: PostgresProxy
) {
  const whole = yield* Effect.gen(function* () {
    const { act } = yield* begin
    const before = yield* state
    const answer = yield* act
    assert.isTrue(isDoneAs(answer), `without a fault: ${answer.status} ${answer.text}`)
    return change(before, yield* state)
  })
  let faults = 0
  for (const loss of LOSSES) {
    for (let nth = 1; ; nth++) {
      const { act, again } = yield* begin
      const before = yield* state
      let left = nth
      proxy.decide(() => (--left === 0 ? loss : "passed"))
      const answer = yield* act
      proxy.decide(() => "passed")
      if (left > 0) break
      faults++
      const at = `${loss} ${nth}`
      const became = change(before, yield* state)
      assert.isTrue(["", whole, ...between].includes(became), `${at}: ${became}`)
      const undone = isUndone(answer)
      assert.isTrue(undone || (isDoneAs(answer) && became === whole), `${at}: ${answer.status} ${answer.text}`)
      if (!undone) continue
      const finally_ = yield* again(answer)
      assert.isTrue(isDoneAs(finally_), `${at}: ${became}: ${finally_.status} ${finally_.text}`)
    }
  }
  assert.isAbove(faults, 2)
})
