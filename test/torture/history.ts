/**
 * Many clients at once share the tokens of few sessions, lose answers and revoke, and write down what they asked and saw.
 * Each session's history has to fit the model in some order.
 */

import { Effect, Random } from "effect"
import type { Fate, FateOf } from "../support/postgresProxy.ts"
import type { Chapter, Ordeal } from "./chapter.ts"
import { type Ask, makeFleet, type Reply } from "./fleet.ts"
import { formInit, link, rpcInit } from "./honest.ts"
import { type Asked, type Event, type Outcome, whyNotLinearizable } from "./linearizable.ts"

const SESSIONS = 4
const WORKERS = 16
/** Of each worker; with four of them a session, a history is some fifty events long. */
const STEPS = 12
/** More than an answer can be cut off in a row. */
const REPEATS = 50

const initOf = ({ kind, token }: Asked, signal?: AbortSignal): readonly [path: string, RequestInit] => {
  if (kind === "use") return ["/mcp", { ...rpcInit(token), ...(signal === undefined ? {} : { signal }) }]
  if (kind === "revoke") return ["/revoke", formInit({ token }, signal)]
  return ["/token", formInit({ grant_type: "refresh_token", refresh_token: token }, signal)]
}

const outcomeOf = ({ kind }: Asked, reply: Reply | undefined): Outcome => {
  if (reply?.status === 200) {
    const { access_token: access, refresh_token: refresh } = reply.body
    return { _tag: "ok", pair: kind === "refresh" ? { access, refresh } : undefined }
  }
  const isRefused = reply?.status === 401 || reply?.body?.error === "invalid_grant"
  return { _tag: isRefused ? "refused" : "unknown" }
}

/** One history of each session; what did not fit the model is told. */
export const episode = Effect.fn("torture.episode")(function* (
  { broken }: Pick<Ordeal, "broken">,
  ask: Ask,
  staleMs: number
) {
  const figures = { histories: 0, events: 0, "of unknown outcome": 0, revocations: 0, "heard after ms, at most": 0 }
  const sessions = yield* Effect.forEach(
    Array.from({ length: SESSIONS }),
    () =>
      Effect.map(link({ broken }, ask), (first) => ({
        first,
        access: [first.access],
        refresh: [first.refresh],
        events: [] as Array<Event>
      })),
    { concurrency: "unbounded" }
  )

  const perform = Effect.fnUntraced(function* (session: (typeof sessions)[number], asked: Asked, signal?: AbortSignal) {
    const invokedAt = performance.now()
    const outcome = outcomeOf(asked, yield* ask(...initOf(asked, signal)))
    session.events.push({ asked, invokedAt, returnedAt: performance.now(), outcome })
    if (outcome._tag === "ok" && outcome.pair !== undefined) {
      const { access, refresh } = outcome.pair
      if (!session.access.includes(access)) session.access.push(access)
      if (!session.refresh.includes(refresh)) session.refresh.push(refresh)
    }
    return outcome
  })

  const step = Effect.fnUntraced(function* (session: (typeof sessions)[number]) {
    const roll = yield* Random.nextIntBetween(0, 99)
    // Mostly the newest that anybody has seen, since that is what they race for.
    const pick = (tokens: ReadonlyArray<string>) =>
      Effect.map(Random.nextIntBetween(0, 3), (back) => tokens.at(back === 0 ? -2 : -1) ?? tokens[0] ?? "")
    const asked: Asked =
      roll < 45
        ? { kind: "refresh", token: yield* pick(session.refresh) }
        : roll < 99
          ? { kind: "use", token: yield* pick(session.access) }
          : { kind: "revoke", token: yield* pick(session.refresh) }
    const isHangingUp = (yield* Random.nextIntBetween(0, 9)) === 0
    const signal = isHangingUp ? AbortSignal.timeout(yield* Random.nextIntBetween(1, 15)) : undefined
    yield* perform(session, asked, signal)
    yield* Effect.sleep(yield* Random.nextIntBetween(0, 10))
  })
  yield* Effect.forEach(
    Array.from({ length: WORKERS }, (_, worker) => sessions[worker % SESSIONS]),
    (session) =>
      session === undefined ? Effect.void : Effect.replicateEffect(step(session), STEPS, { discard: true }),
    { concurrency: "unbounded", discard: true }
  )

  for (const session of sessions) {
    const { first, events } = session
    // A server that said of everything that it does not know would be right.
    const repeat: Asked = { kind: "refresh", token: session.refresh.at(-2) ?? first.refresh }
    const last = yield* Effect.repeat(perform(session, repeat), {
      until: ({ _tag }) => _tag !== "unknown",
      times: REPEATS
    })
    if (last._tag === "unknown") broken("whoever repeats a refresh is answered", { first, events })
    const stuck = whyNotLinearizable(first, events, staleMs)
    if (stuck !== undefined)
      broken("what clients saw of a session fits the model in some order", { first, events, stuck })
    const ends = events.filter(({ asked, outcome }) => asked.kind === "revoke" && outcome._tag === "ok")
    const endedAt = Math.min(...ends.map(({ returnedAt }) => returnedAt))
    const late = events
      .filter(({ asked, outcome }) => asked.kind === "use" && outcome._tag === "ok")
      .map(({ invokedAt }) => invokedAt - endedAt)
    figures.histories++
    figures.events += events.length
    figures["of unknown outcome"] += events.filter(({ outcome }) => outcome._tag === "unknown").length
    figures.revocations += ends.length
    figures["heard after ms, at most"] = Math.ceil(Math.max(figures["heard after ms, at most"], ...late))
  }
  return figures
})

const FATES: ReadonlyArray<Fate> = ["unsent", "unknown", "unanswered"]

/** Writes lose their connection at times: one in twenty. */
export const someWritesAreCut = Effect.map(Random.Random, (random): FateOf => {
  const roll = (sides: number) => Math.floor(random.nextDoubleUnsafe() * sides)
  return (_, isDurable) => (isDurable && roll(20) === 0 ? (FATES[roll(FATES.length)] ?? "passed") : "passed")
})

/** As long as a process keeps what it does not hear the end of (`LONGEST_MS`). */
export const HEARD_WITHIN_MS = 5000

export const histories: Chapter = {
  name: "histories",
  share: 2,
  run: Effect.fn("torture.histories")(function* (ordeal) {
    const total: Record<string, number> = {}
    const fate = yield* someWritesAreCut
    const fleets = yield* Effect.forEach([1, 3], (size) =>
      Effect.gen(function* () {
        const fleet = yield* makeFleet(ordeal, size)
        yield* fleet.whenUp(size)
        for (const { network } of fleet.up) network.decide(fate)
        return { ...fleet, size }
      })
    )
    // Once at least, however slow the machine.
    do {
      for (const { size, ask, up, inspect } of fleets) {
        const figures = yield* episode(ordeal, ask, size === 1 ? 0 : HEARD_WITHIN_MS)
        for (const [what, n] of Object.entries(figures)) {
          const name = `${what}, ${size === 1 ? "one server" : `${size} servers`}`
          total[name] = what.startsWith("heard") ? Math.max(total[name] ?? 0, n) : (total[name] ?? 0) + n
        }
        up.forEach(inspect)
      }
    } while (!ordeal.isOver())
    return total
  })
}
