import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { decide, type RefreshTokenState, type SessionState } from "../../../src/oauth/grants/rotation.ts"

const now = new Date("2026-11-24T12:00:00Z")
const ago = (seconds: number) => new Date(+now - 1000 * seconds)
const hash = Buffer.from("presented")
const session = (over: Partial<SessionState> = {}): SessionState => ({
  status: "active",
  headGeneration: 5,
  confirmedAt: null,
  expiresAt: ago(-3600),
  now,
  ...over
})
const row = (over: Partial<RefreshTokenState> = {}): RefreshTokenState => ({
  tokenHash: hash,
  expiresAt: ago(-3600),
  rotatedAt: null,
  replays: 0,
  ...over
})
const tagOf = (generation: number, state: SessionState, found: RefreshTokenState | undefined, grace: number) =>
  decide({ hash, generation }, state, found, grace)._tag

const Seconds = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 200_000 }))
const Grace = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1800 }))
const Behind = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 }))

describe("rotation decisions", () => {
  it("RF1 the head of an active session rotates", () => {
    assert.strictEqual(tagOf(5, session(), row(), 0), "Rotate")
    assert.strictEqual(tagOf(5, session(), row(), 120), "Rotate")
  })

  it.prop("RF3 without a grace every retired token compromises, row or no row", [Behind, Seconds], ([behind, age]) => {
    assert.strictEqual(tagOf(5 - behind, session(), row({ rotatedAt: ago(age) }), 0), "Compromise")
    assert.strictEqual(tagOf(5 - behind, session(), undefined, 0), "Compromise")
  })

  it.prop(
    "RF2, RF4, RF13 with a grace the age decides once the successor was used",
    [Behind, Seconds, Grace],
    ([behind, age, grace]) => {
      const used = session({ confirmedAt: ago(1) })
      assert.strictEqual(
        tagOf(5 - behind, used, row({ rotatedAt: ago(age) }), grace),
        age <= grace ? "Replay" : "Compromise"
      )
    }
  )

  it.prop("RF2 the direct predecessor of an unused successor replays for a day", [Seconds, Grace], ([age, grace]) => {
    assert.strictEqual(
      tagOf(4, session(), row({ rotatedAt: ago(age) }), grace),
      age <= 86_400 ? "Replay" : "Compromise"
    )
    assert.strictEqual(tagOf(3, session(), row({ rotatedAt: ago(age) }), grace), age <= grace ? "Replay" : "Compromise")
  })

  it("OP2 a retired token whose row cleanup has taken compromises", () => {
    assert.strictEqual(tagOf(0, session(), undefined, 120), "Compromise")
  })

  it("RF10, RF11 an ended or expired session, or an expired head, refuses and compromises nothing", () => {
    for (const generation of [0, 4, 5]) {
      assert.strictEqual(tagOf(generation, session({ status: "revoked" }), row(), 0), "Refuse")
      assert.strictEqual(tagOf(generation, session({ status: "compromised" }), row(), 0), "Refuse")
      assert.strictEqual(tagOf(generation, session({ expiresAt: now }), row(), 0), "Refuse")
    }
    assert.strictEqual(tagOf(5, session(), row({ expiresAt: now }), 0), "Refuse")
    assert.strictEqual(tagOf(5, session(), undefined, 0), "Refuse")
  })

  it("RF15 a token newer than the head, or a forged one, raises an alarm and kills nothing", () => {
    for (const decision of [
      decide({ hash, generation: 6 }, session(), undefined, 120),
      decide({ hash: Buffer.from("forged"), generation: 4 }, session(), row({ rotatedAt: ago(1) }), 0)
    ]) {
      assert.isTrue(decision._tag === "Refuse" && decision.alarm)
    }
  })

  it("RF14 the hundred-first repeat is slowed down", () => {
    assert.strictEqual(tagOf(4, session(), row({ rotatedAt: ago(1), replays: 99 }), 120), "Replay")
    assert.strictEqual(tagOf(4, session(), row({ rotatedAt: ago(1), replays: 100 }), 120), "TooManyReplays")
  })
})
