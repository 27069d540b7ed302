import { assert, describe, it } from "@effect/vitest"
import { Health } from "../../../src/gateway/upstream/Health.ts"
import { aMount, misbehaving } from "../../support/mounts.ts"

const FAILURE = { message: "Far server could not be reached. Try again later." }

const remote = aMount({
  transport: { _tag: "Http", url: "https://mcp.example/mcp", headers: {}, mayBePrivate: false }
})

describe("the health of a mount", () => {
  it("lets the next start wait 1, 2, 4 and 8 seconds, and a program wait for its owner after five within five minutes", () => {
    const health = new Health(misbehaving())
    let now = 1_000_000
    for (const seconds of [1, 2, 4, 8]) {
      health.startFailed(now, FAILURE)
      assert.strictEqual(
        health.startRefused(now)?.message,
        `Far server could not be reached. Try again in ${seconds} seconds.`
      )
      now += seconds * 1000
      assert.isUndefined(health.startRefused(now))
    }
    health.startFailed(now, FAILURE)
    assert.isTrue(health.isLooping)
    assert.match(health.startRefused(now + 3_600_000)?.message ?? "", /waits for its owner/)
  })

  it("waits 16 seconds at most for a server elsewhere, and never for its owner", () => {
    const health = new Health(remote)
    for (let time = 0; time < 20; time++) health.startFailed(1_000_000, FAILURE)
    assert.match(health.startRefused(1_000_000)?.message ?? "", /Try again in 16 seconds/)
    assert.isUndefined(health.startRefused(1_016_000))
  })

  it("forgets starts that failed when one answers, and those of long ago", () => {
    const health = new Health(misbehaving())
    for (let time = 0; time < 4; time++) health.startFailed(1_000_000 + time, FAILURE)
    health.wasWell()
    health.startFailed(1_000_100, FAILURE)
    assert.isFalse(health.isLooping)
    const slow = new Health(misbehaving())
    for (let time = 0; time < 9; time++) slow.startFailed(time * 120_000, FAILURE)
    assert.isFalse(slow.isLooping)
  })

  it("refuses requests at once after five failures in a row, and lets one through after a while", () => {
    const health = new Health(remote)
    for (let time = 0; time < 4; time++) health.wasDown(0)
    health.wasWell()
    for (let time = 0; time < 4; time++) health.wasDown(0)
    assert.isUndefined(health.requestRefused(0))
    health.wasDown(0)
    assert.match(health.requestRefused(9_999)?.message ?? "", /several times in a row/)
    assert.isUndefined(health.requestRefused(10_000))
    assert.isDefined(health.requestRefused(10_000), "one at a time is let through")
    health.wasNothing()
    assert.isUndefined(health.requestRefused(10_001))
    health.wasDown(10_001)
    assert.isDefined(health.requestRefused(20_000))
    assert.isUndefined(health.requestRefused(20_001))
    health.wasWell()
    assert.isUndefined(health.requestRefused(20_002))
  })
})
