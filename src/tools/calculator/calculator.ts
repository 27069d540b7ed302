/**
 * `calculator`: arithmetic for a model that must not guess digits.
 *
 * The text is refused unless it is short, shallow and made of arithmetic's own characters. Only then mathjs parses it,
 * and only a listed kind of node, operator, function or name is worked out, by `arithmetic.ts`. Nothing is evaluated as
 * code.
 */

import { Effect, Schema } from "effect"
import type { BigNumber, MathNode } from "mathjs"
import { TOOLS_CALL } from "../../domain/scope.ts"
import * as Tool from "../Tool.ts"
import {
  type Budget,
  budget,
  calculate,
  constants,
  finite,
  functions,
  isBigNumber,
  isConstantNode,
  isFunctionNode,
  isOperatorNode,
  isParenthesisNode,
  isSymbolNode,
  literal,
  operators,
  parse,
  show
} from "./arithmetic.ts"

const MAX_LENGTH = 512
const MAX_DEPTH = 64
const ONLY_ARITHMETIC = "Only arithmetic is understood: numbers, operators, functions and parentheses."

const Input = Schema.Struct({
  expression: Schema.String.check(
    Schema.isBetweenLength(1, MAX_LENGTH, { message: `Expected from 1 to ${MAX_LENGTH} characters` })
  ).annotate({ description: "The expression, such as (1.5 + 2) * 3^2 or sqrt(2) / 4", examples: ["0.1 + 0.2"] })
})

const Output = Schema.Struct({
  expression: Schema.String.annotate({ description: "The expression that was worked out" }),
  result: Schema.String.annotate({
    description: "The result in decimal digits; with an exponent if it is very large or very small"
  })
})

/** Works out an arithmetic expression in exact decimals, 60 digits of them. */
export const calculator = Tool.make({
  name: "calculator",
  title: "Calculator",
  description:
    "Works out an arithmetic expression in exact decimals: 0.1 + 0.2 is 0.3, and integers keep up to 60 digits. " +
    "Operators + - * / ^ (or **) % (remainder, with the divisor's sign; after a number alone, percent) and !; " +
    "parentheses; multiplication always needs *. " +
    `Functions: ${[...functions.keys()].join(", ")} (angles in radians; log is the natural logarithm, log(x, base) ` +
    "any other; round(x, digits)). Constants: pi, tau, e. No variables, units or thousands separators.",
  scope: TOOLS_CALL,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: Input,
  output: Output,
  handler: ({ expression }) =>
    evaluate(expression).pipe(Effect.map((value) => ({ expression: expression.trim(), result: show(value) })))
})

const refuse = (message: string) => Effect.fail(new Tool.ToolFailure({ message }))

const evaluate = Effect.fnUntraced(function* (expression: string) {
  const text = normalized(expression)
  yield* checkText(text)
  const root = yield* parsed(text)
  return yield* work(root, budget())
})

/** Spellings that mean the same, at the same length so that positions in messages stay right. */
const normalized = (expression: string) =>
  expression
    .replaceAll(/\s/g, " ")
    .replaceAll("**", "^ ")
    .replaceAll(/[×·]/g, "*")
    .replaceAll("÷", "/")
    .replaceAll(/[−–]/g, "-")

const checkText = Effect.fnUntraced(function* (text: string) {
  if (text.trim() === "") return yield* refuse("The expression is empty.")
  const strange = /[^0-9A-Za-z_ .,+\-*/^%!()]/u.exec(text)?.[0]
  if (strange !== undefined) return yield* refuse(`The character ${JSON.stringify(strange)} has no meaning here.`)
  // mathjs would read 0x1F as 31, and 0b1i8 as a signed byte.
  if (/(?<![\w.])0[box]/i.test(text)) return yield* refuse("Only decimal numbers are understood.")
  let depth = 0
  for (const character of text) {
    if (character === "(") depth++
    if (character === ")") depth--
    if (depth > MAX_DEPTH) return yield* refuse(`Parentheses are nested deeper than ${MAX_DEPTH}.`)
  }
})

const parsed = (text: string) =>
  Effect.try({
    try: () => parse(text),
    catch: (error) => {
      const position = /\(char (\d{1,3})\)/.exec(String(error))?.[1]
      if (Number(position) > text.length) return new Tool.ToolFailure({ message: "The expression ends too early." })
      const place = position === undefined ? "" : ` near character ${position}`
      const hint = text.charAt(Number(position) - 1) === "," ? " Numbers have no thousands separators." : ""
      return new Tool.ToolFailure({ message: `The expression is not valid arithmetic${place}.${hint}` })
    }
  })

/** Works out a node, or refuses it. What is not named here is refused. */
const work: (node: MathNode, spending: Budget) => Effect.Effect<BigNumber, Tool.ToolFailure> = Effect.fnUntraced(
  function* (node, spending) {
    if (isParenthesisNode(node)) return yield* work(node.content, spending)

    if (isConstantNode(node)) {
      const value: unknown = node.value
      // The 100 in 5% is mathjs's own, and a plain number. NaN, `true` and `null` are constants too.
      const number = typeof value === "number" || isBigNumber(value) ? literal(value) : undefined
      if (number === undefined || number.isNaN()) return yield* refuse("Only numbers can be used.")
      return yield* finite("A number", number)
    }

    if (isSymbolNode(node)) {
      const constant = constants.get(node.name.toLowerCase())
      return constant ?? (yield* refuse(`There is no constant ${JSON.stringify(node.name.slice(0, 20))}.`))
    }

    if (isOperatorNode(node)) {
      if (node.implicit) return yield* refuse("Write every multiplication with *, such as 2 * pi or 2 * (3 + 4).")
      const operator = operators.get(node.fn)
      if (operator === undefined) return yield* refuse("Only + - * / ^ % and ! are understood as operators.")
      const operands = yield* Effect.forEach(node.args, (operand) => work(operand, spending))
      return yield* calculate("The result", operator, operands, spending)
    }

    if (isFunctionNode(node)) {
      // `sin.constructor(1)` is a call too, of what has no name.
      if (!isSymbolNode(node.fn)) return yield* refuse(ONLY_ARITHMETIC)
      const name = node.fn.name.toLowerCase()
      const called = functions.get(name)
      if (called === undefined) return yield* refuse(`There is no function ${JSON.stringify(name.slice(0, 20))}.`)
      if (node.args.length < called.minimum || node.args.length > called.maximum) {
        return yield* refuse(`The function ${name} does not take ${node.args.length} numbers.`)
      }
      const operands = yield* Effect.forEach(node.args, (operand) => work(operand, spending))
      return yield* calculate(`The result of ${name}`, called, operands, spending)
    }

    return yield* refuse(ONLY_ARITHMETIC)
  }
)
