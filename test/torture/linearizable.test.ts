/** The checker of histories lets good ones pass and finds each kind of bad one. */

import { assert, describe, it } from "@effect/vitest"
import { type Asked, type Event, type Outcome, whyNotLinearizable } from "./linearizable.ts"

const FIRST = { access: "a0", refresh: "r0" }
const pair = (n: number) => ({ access: `a${n}`, refresh: `r${n}` })
const ok = (n?: number): Outcome => ({ _tag: "ok", pair: n === undefined ? undefined : pair(n) })
const refused: Outcome = { _tag: "refused" }
const unknown: Outcome = { _tag: "unknown" }

/** One event after the other, unless times are given. */
const history = (
  ...events: ReadonlyArray<readonly [Asked["kind"], token: string, Outcome, from?: number, until?: number]>
): ReadonlyArray<Event> =>
  events.map(([kind, token, outcome, from, until], index) => ({
    asked: { kind, token },
    outcome,
    invokedAt: from ?? index * 10,
    returnedAt: until ?? (from ?? index * 10) + 5
  }))

const GOOD: Record<string, ReadonlyArray<Event>> = {
  "a life": history(
    ["use", "a0", ok()],
    ["refresh", "r0", ok(1)],
    ["use", "a0", ok()],
    ["refresh", "r0", ok(1)],
    ["refresh", "r1", ok(2)],
    ["refresh", "r0", ok(2)],
    ["revoke", "r0", ok()],
    ["use", "a2", refused],
    ["refresh", "r2", refused]
  ),
  "two refreshes at once": history(["refresh", "r0", ok(1), 0, 50], ["refresh", "r0", ok(1), 10, 40]),
  "a revocation that overlaps": history(
    ["revoke", "r0", ok(), 0, 100],
    ["use", "a0", ok(), 10, 20],
    ["refresh", "r0", ok(1), 30, 40],
    ["use", "a1", refused, 50, 60]
  ),
  "a lost answer that was done": history(
    ["refresh", "r0", unknown],
    ["refresh", "r0", ok(1)],
    ["refresh", "r0", ok(1)]
  ),
  "a lost answer that was not": history(["refresh", "r0", unknown], ["refresh", "r0", ok(1)], ["refresh", "r1", ok(2)]),
  "a lost revocation that is done much later": history(
    ["revoke", "r0", unknown],
    ["use", "a0", ok()],
    ["refresh", "r0", ok(1)],
    ["use", "a1", refused]
  ),
  "a lost answer, done in between": history(
    ["refresh", "r1", unknown, 15, 20],
    ["refresh", "r0", ok(1), 0, 10],
    ["use", "a1", ok(), 30, 40],
    ["refresh", "r0", ok(2), 50, 60],
    ["refresh", "r1", ok(2), 70, 80]
  )
}

const BAD: Record<string, ReadonlyArray<Event>> = {
  "two heads": history(["refresh", "r0", ok(1)], ["refresh", "r0", ok(2)]),
  "two heads at once": history(["refresh", "r0", ok(1), 0, 50], ["refresh", "r0", ok(2), 10, 40]),
  "two heads, one of a lost answer": history(
    ["refresh", "r0", unknown],
    ["refresh", "r0", ok(1)],
    ["refresh", "r0", ok(2)]
  ),
  "an answer undone": history(["refresh", "r0", ok(1)], ["refresh", "r1", refused]),
  "an answer whose access token is unknown": history(["refresh", "r0", ok(1)], ["use", "a1", refused]),
  "a head that goes back": history(["refresh", "r0", ok(1)], ["refresh", "r1", ok(2)], ["refresh", "r0", ok(1)]),
  "a successor that is an old token": history(["refresh", "r0", ok(1)], ["refresh", "r1", ok(0)]),
  "another access token for a repeat": history(
    ["refresh", "r0", ok(1)],
    ["refresh", "r0", { _tag: "ok", pair: { access: "a9", refresh: "r1" } }]
  ),
  "a refresh accepted after a revocation": history(["revoke", "r0", ok()], ["refresh", "r0", ok(1)]),
  "a repeat accepted after a revocation": history(
    ["refresh", "r0", ok(1)],
    ["revoke", "r1", ok()],
    ["refresh", "r0", ok(1)]
  ),
  "a stale access": history(["revoke", "r0", ok()], ["use", "a0", ok()]),
  "a revocation undone": history(
    ["revoke", "r0", ok(), 0, 50],
    ["use", "a0", refused, 10, 20],
    ["use", "a0", ok(), 30, 40]
  ),
  "an end that nobody asked for": history(["use", "a0", ok()], ["refresh", "r0", refused]),
  "a token that was never given": history(["use", "a7", ok()])
}

describe("histories", () => {
  for (const [what, events] of Object.entries(GOOD)) {
    it(`${what}: passes`, () => assert.isUndefined(whyNotLinearizable(FIRST, events)))
  }
  for (const [what, events] of Object.entries(BAD)) {
    it(`${what}: is found`, () => assert.isDefined(whyNotLinearizable(FIRST, events)))
  }

  it("an access token may be good for as long as another process has to hear of its end", () => {
    const events = history(["revoke", "r0", ok(), 0, 10], ["use", "a0", ok(), 100, 110])
    assert.isDefined(whyNotLinearizable(FIRST, events, 50))
    assert.isUndefined(whyNotLinearizable(FIRST, events, 100))
  })
})
