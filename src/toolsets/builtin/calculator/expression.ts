/**
 * Infix arithmetic, worked out while it is read (Pratt's top-down operator precedence): a value between two operators
 * goes to the one with more binding power. No text is evaluated as code: a name is looked up in `arithmetic.ts`, and
 * means nothing if it is not there.
 */

import type { Decimal } from "decimal.js"
import { Result } from "effect"
import { ToolFailure } from "../../failure.ts"
import { budget, calculate, constants, finite, functions, literal, type Operation, operations } from "./arithmetic.ts"

const MAX_DEPTH = 64
/** Signs and powers nest without parentheses: more than 512 characters can ask for, less than the stack can bear. */
const MAX_NESTING = 1000

/** Binding powers: -2^2 is -(2^2), and -2% is (-2)%. */
const [SUM, PRODUCT, PERCENT, SIGN, POWER, FACTORIAL] = [1, 2, 3, 4, 5, 6] as const
/** What may stand behind a value: an infix, or a postfix if the operation takes one operand only. */
const OPERATORS: ReadonlyMap<string, { readonly operation: Operation; readonly power: number }> = new Map([
  ["+", { operation: operations.add, power: SUM }],
  ["-", { operation: operations.subtract, power: SUM }],
  ["*", { operation: operations.multiply, power: PRODUCT }],
  ["/", { operation: operations.divide, power: PRODUCT }],
  ["mod", { operation: operations.modulo, power: PRODUCT }],
  ["%", { operation: operations.percent, power: PERCENT }],
  ["^", { operation: operations.power, power: POWER }],
  ["!", { operation: operations.factorial, power: FACTORIAL }]
])

/** A number, a name, or one character. As 7%-3 has two meanings, its %- is a token of its own that no rule accepts. */
const TOKEN = /(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[a-z_]\w*|% *[+-](?! )|[^ ]/gi
const NUMBER = /^\.?\d/
const NUMBER_OR_NAME = /^\.?\w/

const PLAIN = /^[\x20-\x7e]*$/

/** Spellings that mean the same, at the same length so that positions in messages stay right. */
const normalized = (expression: string) =>
  PLAIN.test(expression) ? expression.replaceAll("**", "^ ") : respelt(expression)

const respelt = (expression: string) =>
  expression
    .replaceAll(/\s/g, " ")
    .replaceAll("**", "^ ")
    .replaceAll(/[×·]/g, "*")
    .replaceAll("÷", "/")
    .replaceAll(/[−–]/g, "-")

/**
 * A percentage is open as it is written, and closed in parentheses or by a sum. A sum takes an open one of its left side,
 * so 100 + 5% is 105 and 100 + (5%) is 100.05; but percentages add up, so 50% + 50% is 1.
 */
type Percentage = "open" | "closed" | undefined

/** What was read, or why it is refused. */
type Operand = { readonly value: Decimal; readonly percentage: Percentage } | ToolFailure

const operand = (result: Result.Result<Decimal, ToolFailure>, percentage?: Percentage): Operand =>
  Result.isFailure(result) ? result.failure : { value: result.success, percentage }

/** One number to some and several to others: `1,000`, `12,345,678` and `1.000,5`, with no blank behind the comma. */
const TWO_READINGS = /(?<![\w.])[1-9]\d{0,2}(?:(?:,\d{3})+(?!\d)|(?:\.\d{3})+,\d+)/

const REMAINDER =
  "After % a sign or a percentage may mean two things: write mod for the remainder, or a space behind the sign."

const refusal = (message: string) => new ToolFailure(message)

const twoReadings = (numbers: string) => {
  const one = numbers.includes(".") ? numbers.replaceAll(".", "").replace(",", ".") : numbers.replaceAll(",", "")
  return refusal(
    `${JSON.stringify(numbers.slice(0, 20))} may be the number ${one.slice(0, 20)}, or several with commas between: ` +
      "write no thousands separators, and a blank behind each comma."
  )
}

/** The value of an expression, or what is wrong with it. */
export const evaluate = (expression: string): Result.Result<Decimal, ToolFailure> => {
  const text = normalized(expression)
  const odd = /[^0-9A-Za-z_ .,+\-*/^%!()]/u.exec(text)?.[0]
  if (odd !== undefined) return Result.fail(refusal(`The character ${JSON.stringify(odd)} has no meaning here.`))
  const numbers = TWO_READINGS.exec(text)?.[0]
  if (numbers !== undefined) return Result.fail(twoReadings(numbers))
  const tokens = text.match(TOKEN)
  if (tokens === null) return Result.fail(refusal("The expression is empty."))

  const spending = budget()
  let [position, depth, nesting] = [0, 0, 0]

  const accept = (token: string) => {
    const isNext = tokens[position] === token
    if (isNext) position++
    return isNext
  }

  /** Only a refusal needs to know where its token stands: the tokens are located here and not before. */
  const misplaced = () => {
    const token = [...text.matchAll(TOKEN)][position]
    if (token === undefined) return refusal("The expression ends too early.")
    const hint = token[0] === "," ? " Numbers have no thousands separators." : ""
    return refusal(`The expression is not valid arithmetic near character ${token.index + 1}.${hint}`)
  }

  /** A value with all that follows it and has a binding power of `minimum` or more. */
  const parse = (minimum: number): Operand => {
    if (++nesting > MAX_NESTING) return refusal("The expression takes too much work: split it.")
    let left = prefix()
    while (!(left instanceof ToolFailure)) {
      const token = tokens[position]
      const operator = operatorAhead()
      if (operator instanceof ToolFailure) return operator
      if (operator === undefined || operator.power < minimum) break
      position++
      const { operation, power } = operator
      const operands = [left.value]
      let percentage: Percentage = power === PERCENT ? "open" : undefined
      if (operation.minimum > 1) {
        // 2^3^2 is 2^9, while 9-3-2 is 6-2.
        const right = parse(power === POWER ? power : power + 1)
        if (right instanceof ToolFailure) return right
        if (token === "%" && right.percentage === "open") return refusal(REMAINDER)
        const isShare = power === SUM && right.percentage === "open" && left.percentage === undefined
        operands.push(isShare ? left.value.times(right.value) : right.value)
        if (power === SUM && left.percentage !== undefined && right.percentage !== undefined) percentage = "closed"
      }
      left = operand(calculate("The result", operation, operands, spending), percentage)
    }
    nesting--
    return left
  }

  /** What stands where a value is due: a parenthesis, a sign with its value, a number or a name. */
  const prefix = (): Operand => {
    if (accept("(")) return parenthesis(operations.identity)
    if (accept("+")) return parse(SIGN)
    if (accept("-")) {
      const right = parse(SIGN)
      if (right instanceof ToolFailure) return right
      return operand(calculate("The result", operations.negate, [right.value], spending), right.percentage)
    }
    const token = tokens[position]
    if (token === undefined || !NUMBER_OR_NAME.test(token)) return misplaced()
    position++
    return NUMBER.test(token) ? operand(finite("A number", literal(token))) : named(token)
  }

  const named = (text: string): Operand => {
    // `sin.constructor(1)` is refused whatever `sin` is.
    if (tokens[position]?.startsWith(".")) {
      return refusal("Only arithmetic is understood: numbers, operators, functions and parentheses.")
    }
    const name = text.toLowerCase()
    if (accept("(")) {
      const operation = functions.get(name)
      if (operation === undefined) return refusal(`There is no function ${JSON.stringify(name.slice(0, 20))}.`)
      return parenthesis(operation, name)
    }
    const value = constants.get(name)
    if (value === undefined) return refusal(`There is no constant ${JSON.stringify(text.slice(0, 20))}.`)
    return { value, percentage: undefined }
  }

  /** The rest of a parenthesis: one value, or all that the function `name` is given. */
  const parenthesis = (operation: Operation, name?: string): Operand => {
    const isCall = name !== undefined
    if (++depth > MAX_DEPTH) return refusal(`Parentheses are nested deeper than ${MAX_DEPTH}.`)
    const values: Array<Decimal> = []
    let percentage: Percentage
    // A function that is given nothing says so itself.
    let isOpen = !(isCall && accept(")"))
    while (isOpen) {
      const inner = parse(SUM)
      if (inner instanceof ToolFailure) return inner
      values.push(inner.value)
      if (!isCall && inner.percentage !== undefined) percentage = "closed"
      isOpen = isCall && accept(",")
      if (!isOpen && !accept(")")) return misplaced()
    }
    depth--
    if (values.length < operation.minimum || values.length > operation.maximum) {
      return refusal(`The function ${name} does not take ${values.length} numbers.`)
    }
    return operand(calculate(isCall ? `The result of ${name}` : "The result", operation, values, spending), percentage)
  }

  /** What follows a value: nothing more where a parenthesis or the whole expression ends. */
  const operatorAhead = () => {
    const token = tokens[position]
    if (token === undefined) return depth > 0 ? misplaced() : undefined
    if (token === ")" || token === ",") return undefined
    // Before a value % is the remainder, but 5% mod 3 is a percentage's remainder.
    const next = tokens[position + 1] ?? ""
    const isRemainder = token === "%" && next.toLowerCase() !== "mod" && (next === "(" || NUMBER_OR_NAME.test(next))
    if (token === "!" && next === "!") {
      return refusal("!! may be a double factorial, or the factorial of a factorial: write (5!)! for the latter.")
    }
    const operator = OPERATORS.get(isRemainder ? "mod" : token.toLowerCase())
    if (operator !== undefined) return operator
    if (token === ".") return misplaced()
    return refusal(
      token.startsWith("%")
        ? REMAINDER
        : "Write an operator between two values, and every multiplication with *, such as 2 * (3 + pi)."
    )
  }

  const answer = parse(SUM)
  if (answer instanceof ToolFailure) return Result.fail(answer)
  return position < tokens.length ? Result.fail(misplaced()) : Result.succeed(answer.value)
}
