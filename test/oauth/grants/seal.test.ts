import { randomBytes } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Option, Redacted, Schema } from "effect"
import { open, openCode, seal, sealCode } from "../../../src/oauth/grants/seal.ts"

const successor = {
  refreshToken: Redacted.make("mcp_rt_next"),
  accessToken: Redacted.make("mcp_at_next")
}

// Tokens are ASCII. (Two lone surrogates are different strings, and the same three bytes of UTF-8.)
const Token = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{0,40}$/))

describe("sealed codes", () => {
  it.prop("F3 only the form that sealed opens, and no seal of another purpose", [Token, Token], ([one, other]) => {
    const sealed = sealCode(Redacted.make(one), Redacted.make("mcp_ac_x"))
    const opened = Option.getOrUndefined(openCode(Redacted.make(one), sealed))
    assert.strictEqual(opened && Redacted.value(opened), "mcp_ac_x")
    assert.strictEqual(Option.isSome(openCode(Redacted.make(other), sealed)), one === other)
    assert.isTrue(Option.isNone(openCode(Redacted.make(one), seal(Redacted.make(one), successor))))
    assert.isFalse(Buffer.from(sealed).includes("mcp_"))
  })
})

describe("sealed successors", () => {
  it.prop("only the token that sealed opens", [Token, Token], ([one, other]) => {
    const sealed = seal(Redacted.make(one), successor)
    const opened = Option.getOrUndefined(open(Redacted.make(one), sealed))
    assert.strictEqual(opened && Redacted.value(opened.refreshToken), "mcp_rt_next")
    assert.strictEqual(Option.isSome(open(Redacted.make(other), sealed)), one === other)
  })

  it("nothing of the answer is readable in the seal, and damage is noticed", () => {
    const sealed = seal(Redacted.make("token"), successor)
    assert.isFalse(Buffer.from(sealed).includes("mcp_"))
    for (const at of [0, 16, 28, sealed.length - 1]) {
      const damaged = Uint8Array.from(sealed, (byte, index) => (index === at ? byte ^ 1 : byte))
      assert.isTrue(Option.isNone(open(Redacted.make("token"), damaged)))
    }
    assert.isTrue(Option.isNone(open(Redacted.make("token"), randomBytes(10))))
  })
})
