/** Hostile requests, one after the other on one connection, and what they broke. */

import { Effect } from "effect"
import type { Choices } from "./choices.ts"
import { broken, isRefused } from "./oracle.ts"
import { type Hostile, nextRequest, type World } from "./requests.ts"
import type { Wire, WireAnswer } from "./wire.ts"
import { LEADS_TO } from "./world.ts"
import { type Write, writesOf } from "./writes.ts"

export interface Broken {
  readonly promise: string
  /** As it was sent, and as it was answered. */
  readonly request: string
  readonly answer: string
  readonly more?: unknown
}

export interface Tally {
  /** How many answers there were of each status; 0 is an end without one. */
  readonly statuses: Map<number, number>
  readonly broken: Array<Broken>
  sent: number
  authenticated: number
}

export const newTally = (): Tally => ({ statuses: new Map(), broken: [], sent: 0, authenticated: 0 })

interface Done {
  readonly sent: Hostile
  readonly answer: WireAnswer | undefined
  readonly from: number
  readonly to: number
}

const told = ({ sent, answer }: Done, promise: string, more?: unknown): Broken => ({
  promise,
  request: sent.bytes.toString("latin1").slice(0, 3000),
  answer:
    answer === undefined ? "none" : `${answer.status} ${JSON.stringify(answer.headers)}\n${answer.body.slice(0, 1500)}`,
  ...(more === undefined ? {} : { more })
})

/** A retired token, or a code that was used, ends its session: what refuses it writes that. */
const isCompromise = ({ place, new: now }: Write) => place === "mcp_sessions" && now?.status === "compromised"

/** Writes that can only be those of requests that were refused. */
const writesOfRefused = (done: ReadonlyArray<Done>, writes: ReadonlyArray<Write>): ReadonlyArray<Broken> => {
  const found = new Map<Done, Array<Write>>()
  for (const write of writes) {
    const meanwhile = done.filter(({ from, to }) => from <= write.at && write.at <= to)
    if (meanwhile.some(({ answer }) => answer === undefined || !isRefused(answer))) continue
    const [one] = meanwhile
    if (one !== undefined) found.set(one, [...(found.get(one) ?? []), write])
  }
  return [...found].flatMap(([one, all]) =>
    all.some(isCompromise) ? [] : [told(one, "a refused request writes nothing", all.slice(0, 3))]
  )
}

/** Sends `count` requests; `who` is the role of the database that the server at `own` writes as. */
export const onslaught = Effect.fn("test.onslaught")(function* (
  wire: Wire,
  world: World,
  choices: Choices,
  tally: Tally,
  { count, who, own }: { readonly count: number; readonly who: string; readonly own: string }
) {
  const done: Array<Done> = []
  yield* writesOf(who)
  for (let index = 0; index < count; index++) {
    const sent = nextRequest(choices, world)
    const from = Date.now()
    const answer = yield* Effect.promise(() => wire.ask(sent.bytes, sent.method === "HEAD"))
    // What Postgres calls now is at most as late as the next millisecond here.
    const one = { sent, answer, from, to: Date.now() + 1 }
    done.push(one)
    const status = answer?.status ?? 0
    tally.statuses.set(status, (tally.statuses.get(status) ?? 0) + 1)
    if (/\r\n(Cookie: gatehouse=|Authorization: )/.test(sent.bytes.toString("latin1", 0, 20_000))) tally.authenticated++
    const promises = answer === undefined ? ["every request is answered"] : broken(sent, answer, own, LEADS_TO)
    tally.broken.push(...promises.map((promise) => told(one, promise)))
    if (wire.surplus() !== "") tally.broken.push(told(one, "one answer for one request", wire.surplus()))
  }
  tally.sent += count
  tally.broken.push(...writesOfRefused(done, yield* writesOf(who)))
})
