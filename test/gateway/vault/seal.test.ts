import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted, Schema } from "effect"
import { makeSealing } from "../../../src/gateway/vault/seal.ts"
import { deriveServerKey, type ServerKeys } from "../../../src/oauth/tokens/ServerKeys.ts"

const [first, second] = [deriveServerKey(1, randomBytes(32)), deriveServerKey(2, randomBytes(32))]
const ring = (...keys: ReadonlyArray<typeof first>): ServerKeys["Service"] => ({
  signing: () => keys.at(-1) ?? first,
  byId: (id) => keys.find((key) => key.id === id),
  rotate: Effect.undefined
})
const SECRET = Redacted.make("a secret of the operator")
const WORDS = ["link", "drive", "ada", "https://drive.example/mcp"]
const opened = (sealing: ReturnType<typeof makeSealing>, words: ReadonlyArray<string>, sealed: Uint8Array) =>
  Option.getOrUndefined(sealing.open(words, sealed))

describe("what the vault seals", () => {
  const before = makeSealing(ring(first), SECRET)

  it.prop(
    "opens for the same server, person and address, and for no other",
    [Schema.String, Schema.Array(Schema.String)],
    ([content, words]) => {
      const sealed = before.seal(WORDS, content.toWellFormed())
      assert.strictEqual(opened(before, WORDS, sealed), content.toWellFormed())
      if (JSON.stringify(words) !== JSON.stringify(WORDS)) assert.isUndefined(opened(before, words, sealed))
      for (const [index] of WORDS.entries()) {
        assert.isUndefined(opened(before, WORDS.with(index, "another"), sealed))
      }
    }
  )

  it("TK17 goes on opening after the keys were rotated, and is known to be of an old one; without that key it is worth nothing", () => {
    const sealed = before.seal(WORDS, "token")
    const after = makeSealing(ring(first, second), SECRET)
    assert.strictEqual(opened(after, WORDS, sealed), "token")
    assert.isTrue(after.isOld(sealed))
    const again = after.seal(WORDS, "token")
    assert.isFalse(after.isOld(again))
    assert.strictEqual(opened(makeSealing(ring(second), SECRET), WORDS, again), "token")
    assert.isUndefined(opened(makeSealing(ring(second), SECRET), WORDS, sealed))
  })

  it("opens only with the operator's secret, and not when a bit of it is another", () => {
    const sealed = before.seal(WORDS, "token")
    for (const secret of [undefined, Redacted.make("another secret")]) {
      assert.isUndefined(opened(makeSealing(ring(first), secret), WORDS, sealed))
    }
    for (const at of [0, 1, 13, sealed.length - 1]) {
      const changed = Uint8Array.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.isUndefined(opened(before, WORDS, changed))
    }
    assert.isUndefined(opened(before, WORDS, new Uint8Array()))
  })
})
