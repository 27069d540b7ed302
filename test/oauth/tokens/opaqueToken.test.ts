import { randomBytes, randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Redacted, Schema } from "effect"
import * as OpaqueToken from "../../../src/oauth/tokens/opaqueToken.ts"
import { deriveServerKey } from "../../../src/oauth/tokens/ServerKeys.ts"

const key = deriveServerKey(7, randomBytes(32))
const otherKey = deriveServerKey(7, randomBytes(32))
const byId = (id: number) => (id === 7 ? key : undefined)
const kinds = ["access", "refresh", "code"] as const
const Kind = Schema.Literals(kinds)
const Generation = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 32 - 1 }))
const minted = (kind: OpaqueToken.TokenKind, generation = 0) => OpaqueToken.mint(kind, key, randomUUID(), generation)

describe("opaque tokens", () => {
  it.prop("a minted token reads back as what it was minted for", [Kind, Generation], ([kind, generation]) => {
    const sessionId = randomUUID()
    const token = OpaqueToken.mint(kind, key, sessionId, generation)
    const read = OpaqueToken.read(kind, byId, token.secret)
    assert.strictEqual(read?.sessionId, sessionId)
    assert.strictEqual(read?.generation, generation)
    assert.deepStrictEqual(read?.hash, token.hash)
  })

  it.prop("BR9, RF9 a token is of one kind only", [Kind, Kind], ([kind, other]) => {
    assert.strictEqual(OpaqueToken.read(other, byId, minted(kind).secret) !== undefined, kind === other)
  })

  it.prop("RF9 a body under another kind's prefix is not genuine", [Kind, Kind], ([kind, other]) => {
    const prefix = Redacted.value(minted(other).secret).slice(0, 7)
    const forged = prefix + Redacted.value(minted(kind).secret).slice(7)
    assert.strictEqual(OpaqueToken.read(other, byId, Redacted.make(forged)) !== undefined, kind === other)
  })

  const Flip = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 72 * 8 - 1 }))
  it.prop("RF7 a token with any one bit flipped is not genuine", [Kind, Flip], ([kind, bit]) => {
    const text = Redacted.value(minted(kind).secret)
    const bytes = Buffer.from(text.slice(7), "base64url")
    bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    const flipped = text.slice(0, 7) + bytes.toString("base64url")
    assert.isUndefined(OpaqueToken.read(kind, byId, Redacted.make(flipped)))
  })

  it.prop(
    "RF7 junk and truncated tokens are not genuine",
    [Kind, Schema.String, Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 102 })))],
    ([kind, junk, length]) => {
      assert.isUndefined(OpaqueToken.read(kind, byId, Redacted.make(junk)))
      assert.isUndefined(
        OpaqueToken.read(kind, byId, Redacted.make(Redacted.value(minted(kind).secret).slice(0, length)))
      )
    }
  )

  it("RF7 another environment's token is not genuine", () => {
    const foreign = OpaqueToken.mint("refresh", otherKey, randomUUID(), 0)
    assert.isUndefined(OpaqueToken.read("refresh", byId, foreign.secret))
  })

  it("tokens carry the prefixes that secret scanners look for, and never repeat", () => {
    const all = Array.from({ length: 1000 }, () => Redacted.value(minted("access").secret))
    assert.isTrue(all.every((token) => /^mcp_at_[\w-]{96}$/.test(token)))
    assert.strictEqual(new Set(all).size, all.length)
    assert.match(Redacted.value(minted("refresh").secret), /^mcp_rt_/)
    assert.match(Redacted.value(minted("code").secret), /^mcp_ac_/)
  })
})
