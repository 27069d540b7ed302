import { assert, describe, it } from "@effect/vitest"
import { judgeOf } from "../../../src/gateway/offer/judge.ts"

describe("a value and a stranger's schema", () => {
  const judge = judgeOf({
    type: "object",
    properties: { a: { type: "number" }, b: { type: "array", items: { $ref: "#/$defs/word" } } },
    required: ["a"],
    $defs: { word: { type: "string" } }
  })

  it("is told what is wrong, and where", () => {
    assert.isUndefined(judge({ a: 1, b: ["c"] }))
    assert.strictEqual(judge({}), 'does not have required property "a"')
    assert.strictEqual(judge({ a: 1, b: [1] }), '"b/0" type "number" is invalid. Expected "string"')
  })

  it("an expression that takes forever is not looked at", () => {
    const slow = judgeOf({ type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } } })
    assert.isUndefined(slow({ a: `${"a".repeat(50)}!` }))
  })

  it("more than can be looked at in a moment is for the mount to say", () => {
    const anyOf = Array.from({ length: 500 }, (_, index) => ({ const: index }))
    const large = judgeOf({ type: "object", properties: { a: { type: "array", items: { anyOf } } } })
    assert.isString(large({ a: [1000] }))
    assert.isUndefined(large({ a: Array.from({ length: 5000 }, () => 1000) }))
  })

  it("a schema that is none judges nothing", () => {
    const looped: Record<string, unknown> = { type: "object", allOf: [{ $ref: "#" }, { $ref: "#" }] }
    assert.isUndefined(judgeOf(looped)({}))
  })
})
