/**
 * Infix arithmetic, worked out while it is read: values on one stack, on another what waits for them (Dijkstra's shunting
 * yard). No text is evaluated as code: a name is looked up in `arithmetic.ts`, and means nothing if it is not there.
 */

import type { Decimal } from "decimal.js"
import { Result } from "effect"
import { ToolFailure } from "../../tool.ts"
import {
  type Budget,
  budget,
  calculate,
  constants,
  finite,
  functions,
  literal,
  type Operation,
  operations
} from "./arithmetic.ts"

const MAX_DEPTH = 64

interface Operator {
  readonly operation: Operation
  readonly precedence: number
  /** Whether it also waits for another of its own precedence: 2^3^2 is 2^9. */
  readonly isRightAssociative?: boolean
}
interface Call {
  readonly name: string
  readonly operation: Operation
}
/** An open parenthesis. */
interface Group {
  /** The function that it belongs to. */
  readonly call: Call | undefined
  /** How many values were there before it. */
  readonly start: number
}
const isGroup = (waiting: Operator | Group): waiting is Group => "start" in waiting

const [SUM, PRODUCT, SIGN, POWER] = [1, 2, 3, 4] as const
const ADD: Operator = { operation: operations.add, precedence: SUM }
const SUBTRACT: Operator = { operation: operations.subtract, precedence: SUM }
const MODULO: Operator = { operation: operations.modulo, precedence: PRODUCT }
/** Between two values. */
const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ["+", ADD],
  ["-", SUBTRACT],
  ["*", { operation: operations.multiply, precedence: PRODUCT }],
  ["/", { operation: operations.divide, precedence: PRODUCT }],
  ["%", MODULO],
  ["mod", MODULO],
  ["^", { operation: operations.power, precedence: POWER, isRightAssociative: true }]
])
/** Before a value. */
const SIGNS: ReadonlyMap<string, Operator> = new Map([
  ["+", { operation: operations.identity, precedence: SIGN }],
  ["-", { operation: operations.negate, precedence: SIGN }]
])

interface Token {
  readonly kind: "number" | "name" | "sign"
  readonly text: string
  readonly at: number
  readonly isSpaced: boolean
}
const TOKEN = /((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)|([a-z_]\w*)|[^ ]/gi
const tokensOf = (text: string): Array<Token> =>
  Array.from(text.matchAll(TOKEN), ({ 0: token, 1: number, 2: name, index }) => ({
    kind: number !== undefined ? "number" : name !== undefined ? "name" : "sign",
    text: token,
    at: index,
    isSpaced: text.charAt(index + token.length) === " "
  }))

/** What has been read so far. */
interface Yard {
  readonly values: Array<Decimal>
  readonly waiting: Array<Operator | Group>
  readonly spending: Budget
  depth: number
  needsValue: boolean
  /** A function whose parenthesis comes next. */
  call: Call | undefined
  /** The last value, if it was written as a percentage: 100 + 5% is 105. */
  percentage: Decimal | undefined
}

/** Nothing, or why the expression is refused. */
type Step = ToolFailure | undefined

const refusal = (message: string) => new ToolFailure({ message })
const tooEarly = refusal("The expression ends too early.")
const misplaced = ({ text, at }: Token) =>
  refusal(
    `The expression is not valid arithmetic near character ${at + 1}.` +
      (text === "," ? " Numbers have no thousands separators." : "")
  )

/** Spellings that mean the same, at the same length so that positions in messages stay right. */
const normalized = (expression: string) =>
  expression
    .replaceAll(/\s/g, " ")
    .replaceAll("**", "^ ")
    .replaceAll(/[×·]/g, "*")
    .replaceAll("÷", "/")
    .replaceAll(/[−–]/g, "-")

/** The value of an expression, or what is wrong with it. */
export const evaluate = (expression: string): Result.Result<Decimal, ToolFailure> => {
  const text = normalized(expression)
  const strange = /[^0-9A-Za-z_ .,+\-*/^%!()]/u.exec(text)?.[0]
  if (strange !== undefined) {
    return Result.fail(refusal(`The character ${JSON.stringify(strange)} has no meaning here.`))
  }
  const tokens = tokensOf(text)
  if (tokens.length === 0) return Result.fail(refusal("The expression is empty."))
  const yard: Yard = {
    values: [],
    waiting: [],
    spending: budget(),
    depth: 0,
    needsValue: true,
    call: undefined,
    percentage: undefined
  }
  for (const [index, token] of tokens.entries()) {
    const next = tokens[index + 1]
    const failure = yard.needsValue ? readValue(yard, token, next) : readOperator(yard, token, next)
    if (failure !== undefined) return Result.fail(failure)
  }
  const failure = yard.needsValue || yard.depth > 0 ? tooEarly : reduce(yard, SUM)
  const [value] = yard.values
  return failure === undefined && value !== undefined ? Result.succeed(value) : Result.fail(failure ?? tooEarly)
}

const push = ({ values }: Yard, value: Result.Result<Decimal, ToolFailure>): Step => {
  if (Result.isFailure(value)) return value.failure
  values.push(value.success)
}

/** Takes the operands off the stack, and puts the result there. */
const apply = (yard: Yard, name: string, operation: Operation, count: number): Step =>
  push(yard, calculate(name, operation, yard.values.splice(yard.values.length - count), yard.spending))

/** Works out what waits inside the innermost parenthesis and binds as strongly as `precedence`. */
const reduce = (yard: Yard, precedence: number): Step => {
  const { values, waiting } = yard
  for (let last = waiting.at(-1); last !== undefined && !isGroup(last); last = waiting.at(-1)) {
    if (last.precedence < precedence) return
    waiting.pop()
    const [left, right] = [values.at(-2), values.at(-1)]
    if (last.precedence === SUM && left !== undefined && right !== undefined && right === yard.percentage) {
      values[values.length - 1] = left.times(right)
    }
    const failure = apply(yard, "The result", last.operation, last.operation.minimum)
    if (failure !== undefined) return failure
  }
}

const open = (yard: Yard): Step => {
  if (++yard.depth > MAX_DEPTH) return refusal(`Parentheses are nested deeper than ${MAX_DEPTH}.`)
  yard.waiting.push({ call: yard.call, start: yard.values.length })
  yard.call = undefined
}

const close = (yard: Yard, token: Token): Step => {
  const failure = yard.needsValue ? undefined : reduce(yard, SUM)
  if (failure !== undefined) return failure
  const group = yard.waiting.pop()
  if (group === undefined || !isGroup(group)) return misplaced(token)
  yard.depth--
  yard.needsValue = false
  yard.percentage = undefined
  if (group.call === undefined) return
  const { name, operation } = group.call
  const count = yard.values.length - group.start
  if (count < operation.minimum || count > operation.maximum) {
    return refusal(`The function ${name} does not take ${count} numbers.`)
  }
  return apply(yard, `The result of ${name}`, operation, count)
}

/** A token where a value is due: a number, a name, a sign before one, or a parenthesis. */
const readValue = (yard: Yard, token: Token, next: Token | undefined): Step => {
  const { kind, text } = token
  if (kind === "number") {
    yard.needsValue = false
    return push(yard, finite("A number", literal(text)))
  }
  if (kind === "name") return readName(yard, text, next?.text)
  const sign = SIGNS.get(text)
  if (sign !== undefined) return void yard.waiting.push(sign)
  if (text === "(") return open(yard)
  // A function that is given nothing says so itself.
  return text === ")" && isCallWithout(yard.waiting.at(-1), yard.values.length) ? close(yard, token) : misplaced(token)
}

const isCallWithout = (waiting: Operator | Group | undefined, values: number) =>
  waiting !== undefined && isGroup(waiting) && waiting.call !== undefined && waiting.start === values

const readName = (yard: Yard, text: string, next: string | undefined): Step => {
  // `sin.constructor(1)` is refused whatever `sin` is.
  if (next?.startsWith(".")) {
    return refusal("Only arithmetic is understood: numbers, operators, functions and parentheses.")
  }
  const name = text.toLowerCase()
  if (next === "(") {
    const operation = functions.get(name)
    if (operation === undefined) return refusal(`There is no function ${JSON.stringify(name.slice(0, 20))}.`)
    yard.call = { name, operation }
    return
  }
  const constant = constants.get(name)
  if (constant === undefined) return refusal(`There is no constant ${JSON.stringify(text.slice(0, 20))}.`)
  yard.needsValue = false
  yard.values.push(constant)
}

/** A token behind a value: an operator, or the end of a parenthesis. */
const readOperator = (yard: Yard, token: Token, next: Token | undefined): Step => {
  const { kind, text } = token
  if (text === ")") return close(yard, token)
  if (text === ",") return nextArgument(yard, token)
  if (text === "!") return apply(yard, "The result", operations.factorial, 1)
  if (text === "%" && (next === undefined || !isGroupOrValue(next))) return readPercent(yard, next)
  const operator = OPERATORS.get(text.toLowerCase())
  if (operator === undefined) {
    return kind === "sign" && text !== "("
      ? misplaced(token)
      : refusal("Write an operator between two values, and every multiplication with *, such as 2 * (3 + pi).")
  }
  const failure = reduce(yard, operator.isRightAssociative ? operator.precedence + 1 : operator.precedence)
  if (failure !== undefined) return failure
  yard.waiting.push(operator)
  yard.needsValue = true
}

const isGroupOrValue = ({ kind, text }: Token) =>
  kind === "number" || text === "(" || (kind === "name" && text !== "mod")

const readPercent = (yard: Yard, next: Token | undefined): Step => {
  if (next !== undefined && SIGNS.has(next.text) && !next.isSpaced) {
    return refusal("After % a sign may mean two things: write mod for the remainder, or a space behind the sign.")
  }
  const failure = reduce(yard, SIGN) ?? apply(yard, "The result", operations.percent, 1)
  yard.percentage = yard.values.at(-1)
  return failure
}

const nextArgument = (yard: Yard, token: Token): Step => {
  const failure = reduce(yard, SUM)
  if (failure !== undefined) return failure
  const group = yard.waiting.at(-1)
  if (group === undefined || !isGroup(group) || group.call === undefined) return misplaced(token)
  yard.needsValue = true
}
