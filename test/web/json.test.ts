import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { parse } from "../../src/web/json.ts"

const isStrict = (text: string) => Option.isSome(parse(text))

describe("strict JSON", () => {
  it.prop("every value that JSON can carry comes back as it was", [Schema.Json], ([value]) => {
    const text = JSON.stringify(value)
    if (/__proto__|\\ud[89a-f]/i.test(text)) return
    assert.deepStrictEqual(Option.getOrUndefined(parse(text)), JSON.parse(text))
    assert.deepStrictEqual(Option.getOrUndefined(parse(JSON.stringify(value, null, 2))), JSON.parse(text))
  })

  it("MC10 a name that stands twice in one object is refused, however it is written", () => {
    assert.isFalse(isStrict('{"a":1,"a":2}'))
    assert.isFalse(isStrict('{"a":1,"\\u0061":2}'))
    assert.isFalse(isStrict(`{"a":1,"a"${" ".repeat(200)}:2}`))
    assert.isFalse(isStrict('[{"x":{"a":1,"b":{"a":1},"a":2}}]'))
    assert.isTrue(isStrict('{"a":{"a":{"a":"a"}},"b":["a","a"]}'))
    assert.isTrue(isStrict('{"a":"\\"a\\":","b":"}{"}'))
  })

  it("F1 no more values are read than a moment allows, and texts are as long as they like", () => {
    const many = (count: number, value: string) => `[${Array.from({ length: count }, () => value).join(",")}]`
    assert.isTrue(isStrict(many(10_000, "1")))
    assert.isFalse(isStrict(many(10_001, "1")))
    assert.isFalse(isStrict(many(5001, "{}")))
    assert.isFalse(isStrict(many(5001, "[]")))
    for (const text of [",", "[{", '\\"', "\\\\"]) {
      assert.isTrue(isStrict(`{"a":"${text.repeat(100_000)}","b":[",",","]}`), text)
      assert.isFalse(isStrict(`["${text.repeat(100_000)}`), text)
    }
    assert.isFalse(isStrict(`{"a":"${'\\"'.repeat(100_000)}","a":1}`))
  })

  it("MC10 depth, lone surrogates, __proto__ and broken text are refused", () => {
    assert.isFalse(isStrict("[".repeat(100_000) + "]".repeat(100_000)))
    assert.isFalse(isStrict("[".repeat(65) + "]".repeat(65)))
    assert.isTrue(isStrict("[".repeat(64) + "]".repeat(64)))
    assert.isFalse(isStrict('["\\ud800"]'))
    assert.isTrue(isStrict('["\\ud83d\\ude00"]'))
    assert.isFalse(isStrict('{"__proto__":{}}'))
    for (const broken of ["", "{", "nul", '{"a":1,}', "[1 2]", '"\u0001"']) assert.isFalse(isStrict(broken), broken)
  })
})
