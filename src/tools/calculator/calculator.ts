/**
 * `calculator`: arithmetic for a model that must not guess digits.
 *
 * The text is refused unless it is short, shallow and made of arithmetic's own characters. Only then mathjs parses it,
 * and only a listed kind of node, operator, function or name is worked out, by `arithmetic.ts`. Nothing is evaluated as
 * code.
 */

import { Effect, Result, Schema } from "effect"
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
  handler: ({ expression }) => Effect.fromResult(calculation(expression))
})

/** What the tool answers. Pure: no fiber is needed to add two numbers. */
export const calculation = (expression: string): Outcome<{ readonly expression: string; readonly result: string }> =>
  Result.map(evaluate(expression), (value) => ({ expression: expression.trim(), result: show(value) }))

type Outcome<A> = Result.Result<A, Tool.ToolFailure>

const refuse = (message: string) => Result.fail(new Tool.ToolFailure({ message }))

const evaluate = (expression: string): Outcome<BigNumber> => {
  const text = normalized(expression)
  const wrong = problemOf(text)
  return wrong === undefined ? Result.flatMap(parsed(text), (root) => work(root, budget())) : refuse(wrong)
}

/** Spellings that mean the same, at the same length so that positions in messages stay right. */
const normalized = (expression: string) =>
  expression
    .replaceAll(/\s/g, " ")
    .replaceAll("**", "^ ")
    .replaceAll(/[×·]/g, "*")
    .replaceAll("÷", "/")
    .replaceAll(/[−–]/g, "-")

const problemOf = (text: string): string | undefined => {
  if (text.trim() === "") return "The expression is empty."
  const strange = /[^0-9A-Za-z_ .,+\-*/^%!()]/u.exec(text)?.[0]
  if (strange !== undefined) return `The character ${JSON.stringify(strange)} has no meaning here.`
  // mathjs would read 0x1F as 31, and 0b1i8 as a signed byte.
  if (/(?<![\w.])0[box]/i.test(text)) return "Only decimal numbers are understood."
  let depth = 0
  for (const character of text) {
    if (character === "(") depth++
    if (character === ")") depth--
    if (depth > MAX_DEPTH) return `Parentheses are nested deeper than ${MAX_DEPTH}.`
  }
  return undefined
}

const parsed = (text: string): Outcome<MathNode> =>
  Result.try({
    try() {
      return parse(text)
    },
    catch(error) {
      const position = /\(char (\d{1,3})\)/.exec(String(error))?.[1]
      if (Number(position) > text.length) return new Tool.ToolFailure({ message: "The expression ends too early." })
      const place = position === undefined ? "" : ` near character ${position}`
      const hint = text.charAt(Number(position) - 1) === "," ? " Numbers have no thousands separators." : ""
      return new Tool.ToolFailure({ message: `The expression is not valid arithmetic${place}.${hint}` })
    }
  })

/** Works out a node, or refuses it. What is not named here is refused. */
const work = (node: MathNode, spending: Budget): Outcome<BigNumber> => {
  if (isParenthesisNode(node)) return work(node.content, spending)

  if (isConstantNode(node)) {
    const value: unknown = node.value
    // The 100 in 5% is mathjs's own, and a plain number. NaN, `true` and `null` are constants too.
    const number = typeof value === "number" || isBigNumber(value) ? literal(value) : undefined
    return number === undefined || number.isNaN() ? refuse("Only numbers can be used.") : finite("A number", number)
  }

  if (isSymbolNode(node)) {
    const constant = constants.get(node.name.toLowerCase())
    return constant === undefined
      ? refuse(`There is no constant ${JSON.stringify(node.name.slice(0, 20))}.`)
      : Result.succeed(constant)
  }

  if (isOperatorNode(node)) {
    if (node.implicit) return refuse("Write every multiplication with *, such as 2 * pi or 2 * (3 + 4).")
    const operator = operators.get(node.fn)
    if (operator === undefined) return refuse("Only + - * / ^ % and ! are understood as operators.")
    return Result.flatMap(workAll(node.args, spending), (operands) =>
      calculate("The result", operator, operands, spending)
    )
  }

  if (isFunctionNode(node)) {
    // `sin.constructor(1)` is a call too, of what has no name.
    if (!isSymbolNode(node.fn)) return refuse(ONLY_ARITHMETIC)
    const name = node.fn.name.toLowerCase()
    const called = functions.get(name)
    if (called === undefined) return refuse(`There is no function ${JSON.stringify(name.slice(0, 20))}.`)
    if (node.args.length < called.minimum || node.args.length > called.maximum) {
      return refuse(`The function ${name} does not take ${node.args.length} numbers.`)
    }
    return Result.flatMap(workAll(node.args, spending), (operands) =>
      calculate(`The result of ${name}`, called, operands, spending)
    )
  }

  return refuse(ONLY_ARITHMETIC)
}

/** The numbers of all nodes, or the first refusal. */
const workAll = (nodes: ReadonlyArray<MathNode>, spending: Budget): Outcome<Array<BigNumber>> => {
  const numbers: Array<BigNumber> = []
  for (const node of nodes) {
    const number = work(node, spending)
    if (Result.isFailure(number)) return Result.fail(number.failure)
    numbers.push(number.success)
  }
  return Result.succeed(numbers)
}
