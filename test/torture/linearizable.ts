/**
 * Whether what clients saw of a session can be put into an order that the model allows, with each thing happening at one
 * moment between when it was asked and when it was answered (linearizability). What got no answer may have happened at any
 * time since it was asked, or never.
 */

import {
  begin,
  end,
  expectRefresh,
  isUsable,
  type Pair,
  remember,
  rotate,
  type Session
} from "../support/sessionModel.ts"

export type Asked =
  | { readonly kind: "refresh"; readonly token: string }
  | { readonly kind: "use"; readonly token: string }
  | { readonly kind: "revoke"; readonly token: string }

export type Outcome =
  /** With what a refresh answered. */
  | { readonly _tag: "ok"; readonly pair: Pair | undefined }
  /** `invalid_grant`, or 401. */
  | { readonly _tag: "refused" }
  /** No answer, or one that says that nobody knows. */
  | { readonly _tag: "unknown" }

export interface Event {
  readonly asked: Asked
  /** On one clock, in milliseconds. */
  readonly invokedAt: number
  readonly returnedAt: number
  readonly outcome: Outcome
}

/** Seconds; more than any history is long. */
const GRACE = 120
const CLIENT = "one"
/** A successor that nobody has seen yet. */
const UNSEEN: Pair = { access: "?", refresh: "?" }

const copyOf = (session: Session): Session => ({
  ...session,
  chain: session.chain.map((link) => ({ ...link })),
  chainTokens: [...session.chainTokens],
  access: new Map(Array.from(session.access, ([token, access]) => [token, { ...access }]))
})

/** The head was made by somebody who got no answer, and is seen for the first time. */
const reveal = (session: Session, pair: Pair) => {
  const last = session.chain.length - 1
  session.chainTokens[last] = pair.refresh
  const link = session.chain[last - 1]
  if (link !== undefined) link.answered = pair.access
  const unseen = session.access.get(UNSEEN.access)
  session.access.delete(UNSEEN.access)
  if (unseen !== undefined) session.access.set(pair.access, unseen)
}

/** The session after this has happened; nothing where the model does not allow it. */
const after = (session: Session, { asked, outcome }: Event): Session | undefined => {
  const next = copyOf(session)
  if (asked.kind === "use") return isUsable(next, asked.token, 0) === (outcome._tag === "ok") ? next : undefined
  if (asked.kind === "revoke") {
    end(next, "revoked", 0)
    return next
  }
  const generation = next.chainTokens.indexOf(asked.token)
  const expected = expectRefresh(next, generation, CLIENT, 0, GRACE)
  if (expected._tag === "invalid_grant") return outcome._tag === "refused" ? next : undefined
  if (outcome._tag === "refused") return undefined
  const pair = outcome._tag === "ok" ? outcome.pair : undefined
  if (expected._tag === "rotated") {
    if (pair !== undefined && next.chainTokens.includes(pair.refresh)) return undefined
    rotate(next, generation, pair ?? UNSEEN, 0)
    return next
  }
  if (pair === undefined) return next
  if (expected.refreshToken === UNSEEN.refresh) reveal(next, pair)
  else if (pair.refresh !== expected.refreshToken) return undefined
  else if (expected.accessToken !== undefined && pair.access !== expected.accessToken) return undefined
  remember(next, pair.access, 0)
  return next
}

const isSame = (one: Session, other: Session) =>
  one.status === other.status &&
  one.chainTokens.length === other.chainTokens.length &&
  one.chainTokens.at(-1) === other.chainTokens.at(-1) &&
  one.access.size === other.access.size

/**
 * Nothing when there is an order, else how far one can get: the events that cannot be next. `staleMs` is how long an access
 * token may be good after its end, where another process has to hear of it.
 */
export const whyNotLinearizable = (
  first: Pair,
  events: ReadonlyArray<Event>,
  staleMs = 0
): ReadonlyArray<Event> | undefined => {
  const from = ({ asked, invokedAt }: Event) => (asked.kind === "use" ? invokedAt - staleMs : invokedAt)
  const until = ({ outcome, returnedAt }: Event) => (outcome._tag === "unknown" ? Number.POSITIVE_INFINITY : returnedAt)
  const ordered = events.toSorted((one, other) => from(one) - from(other))

  const seen = new Set<string>()
  let furthest = -1
  let stuck: ReadonlyArray<Event> = []
  const stack: Array<{ readonly session: Session; readonly done: Set<Event> }> = [
    { session: begin(CLIENT, first, 0), done: new Set() }
  ]
  for (;;) {
    const state = stack.pop()
    if (state === undefined) return stuck
    const { session, done } = state
    for (;;) {
      const left = ordered.filter((event) => !done.has(event))
      const deadline = Math.min(...left.map(until))
      if (deadline === Number.POSITIVE_INFINITY) return undefined
      const possible = left.filter((event) => from(event) <= deadline)
      const next = possible.map((event) => ({ event, session: after(session, event) }))
      // What may happen now and changes nothing is no choice: it might as well be now.
      const still = next.find(
        ({ event, session: later }) => event.outcome._tag !== "unknown" && later !== undefined && isSame(session, later)
      )
      if (still !== undefined) {
        done.add(still.event)
        continue
      }
      const key = `${ordered.map((event) => (done.has(event) ? 1 : 0)).join("")} ${session.status} ${session.chainTokens.at(-1)}`
      if (seen.has(key)) break
      seen.add(key)
      if (done.size > furthest) {
        furthest = done.size
        stuck = possible
      }
      // What was answered first is tried first: the stack gives back what it got last.
      for (const { event, session: later } of next.toSorted((one, other) => until(other.event) - until(one.event))) {
        if (later !== undefined && !isSame(session, later))
          stack.push({ session: later, done: new Set(done).add(event) })
      }
      break
    }
  }
}
