/** The whole grammar that the calculator shares with mathjs, held against mathjs. */

import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Option, Result, Schema } from "effect"
import { all, create } from "mathjs"
import { calculation } from "../../src/toolsets/builtin/calculator/calculator.ts"

type Formula =
  | string
  | { readonly sum: readonly [Formula, "+" | "-" | "*" | "/" | "%" | " mod ", Formula] }
  | { readonly power: readonly [Formula, "^", string] }
  | { readonly minus: Formula }
  | { readonly group: Formula }
  | { readonly call: readonly ["sqrt" | "abs" | "floor" | "ceil" | "cbrt" | "sin" | "cos" | "exp" | "atan", Formula] }
  | { readonly many: readonly ["min" | "max", Formula, Formula] }
const Formula: Schema.Codec<Formula> = Schema.suspend(() =>
  Schema.Union([
    Schema.Literals([
      "0",
      "1",
      "2",
      "3",
      "7",
      "10",
      "12.5",
      ".25",
      "0.1",
      "99",
      "3!",
      "5!",
      "pi",
      "e",
      "1e3",
      "2.5e-3"
    ]),
    Schema.Struct({ sum: Schema.Tuple([Formula, Schema.Literals(["+", "-", "*", "/", "%", " mod "]), Formula]) }),
    Schema.Struct({
      power: Schema.Tuple([
        Formula,
        Schema.Literal("^"),
        Schema.Literals(["2", "3", "-1", "-2", "0.5", "2^3", "-2^2", "2!"])
      ])
    }),
    Schema.Struct({ minus: Formula }),
    Schema.Struct({ group: Formula }),
    Schema.Struct({
      call: Schema.Tuple([
        Schema.Literals(["sqrt", "abs", "floor", "ceil", "cbrt", "sin", "cos", "exp", "atan"]),
        Formula
      ])
    }),
    Schema.Struct({ many: Schema.Tuple([Schema.Literals(["min", "max"]), Formula, Formula]) })
  ])
)
/** Without a parenthesis of its own, so that precedence decides. */
const spell = (formula: Formula): string => {
  if (typeof formula === "string") return formula
  if ("sum" in formula) return `${spell(formula.sum[0])}${formula.sum[1]}${spell(formula.sum[2])}`
  if ("power" in formula) return `${spell(formula.power[0])}^${formula.power[2]}`
  // A sign behind a % is refused, since it has two meanings.
  if ("minus" in formula) return `(-${spell(formula.minus)})`
  if ("group" in formula) return `(${spell(formula.group)})`
  if ("call" in formula) return `${formula.call[0]}(${spell(formula.call[1])})`
  return `${formula.many[0]}(${spell(formula.many[1])}, ${spell(formula.many[2])})`
}
const Formulas = Arbitrary.schema(Formula).pipe(
  Arbitrary.map(spell),
  Arbitrary.filter((text) => text.length <= 200)
)

// The factories are there: their type says that they may be lacking, as every name of an index may.
/** What we refuse though others go on: an infinity or an imaginary number on the way, and numbers without end. */
const HELD_BACK = /Division by zero|no real|too large|An angle must|too much work|is infinite/

const mathjs = create(all ?? {}, { number: "BigNumber", precision: 80 })

describe("calculator", () => {
  it.effect.prop(
    "F11 agrees with mathjs on the grammar that both have",
    [Formulas],
    ([text]) =>
      Effect.gen(function* () {
        // It fails where a root of a negative number, which it has, meets what takes real numbers only.
        const theirs = yield* Effect.option(Effect.try((): unknown => mathjs.evaluate(text)))
        const isReal = Option.isSome(theirs) && mathjs.isBigNumber(theirs.value) && theirs.value.isFinite()
        const ours = calculation(text)
        if (Result.isFailure(ours)) {
          assert.match(ours.failure.message, isReal ? HELD_BACK : /./, text)
        } else if (isReal) {
          const [result, expected] = [mathjs.bignumber(ours.success.result), mathjs.bignumber(String(theirs.value))]
          const off = result.minus(expected).abs()
          assert.isTrue(off.lte(expected.abs().plus(1).times(1e-20)), `${text} is ${result}, theirs is ${expected}`)
        }
      }),
    { arbitrary: { runs: 500, seed: 11 } }
  )
})
