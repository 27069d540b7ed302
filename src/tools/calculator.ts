/**
 * Exact arithmetic. mathjs reads the expression, decimal.js computes it, and only what is listed here exists: the tree is
 * walked by hand, so no function of mathjs is ever called and nothing is ever evaluated as code.
 */

import { Decimal } from "decimal.js"
import { Effect, Result, Schema } from "effect"
import { create, type MathNode, parseDependencies } from "mathjs"
import * as Tool from "./Tool.ts"

const MAX_LENGTH = 512
const MAX_DEPTH = 64
const MAX_FACTORIAL = 170
/** Decimal exponents beyond this are an overflow, as in most calculators. */
const MAX_EXPONENT = 308
/** Sines of larger angles have no correct digits left. */
const MAX_ANGLE = 1e15
/** Computed with more digits than are shown, so that sqrt(2)^2 is 2. */
const [WORKING_DIGITS, SHOWN_DIGITS] = [64, 32]

const Number64 = Decimal.clone({ precision: WORKING_DIGITS, toExpNeg: -16, toExpPos: 33 })
const { parse } = create(
  { parseDependencies: parseDependencies ?? {} },
  { number: "BigNumber", precision: WORKING_DIGITS }
)

class Nonsense extends Schema.TaggedError<Nonsense>()("Nonsense", { message: Schema.String }) {}
type Evaluated = Result.Result<Decimal, Nonsense>

const nonsense = (message: string) => Result.fail(new Nonsense({ message }))

const CONSTANTS: Readonly<Record<string, Decimal>> = {
  pi: Number64.acos(-1),
  e: Number64.exp(1),
  tau: Number64.acos(-1).times(2)
}

const factorial = (n: Decimal): Evaluated => {
  if (!n.isInteger() || n.isNegative()) return nonsense("factorial needs a whole number that is not negative")
  if (n.gt(MAX_FACTORIAL)) return nonsense(`factorial goes up to ${MAX_FACTORIAL}`)
  let product = new Number64(1)
  for (let factor = 2; factor <= n.toNumber(); factor++) product = product.times(factor)
  return Result.succeed(product)
}

const power = (base: Decimal, exponent: Decimal): Evaluated => {
  if (base.isZero() && exponent.isNegative()) return nonsense("division by zero")
  if (base.isNegative() && !exponent.isInteger()) return nonsense("a negative number has no real power of that kind")
  // Known before it is computed: the result has about this many digits before the point.
  const digits = base.isZero() ? new Number64(0) : base.abs().log(10).times(exponent)
  return digits.abs().gt(MAX_EXPONENT)
    ? nonsense("the result is too large or too small")
    : Result.succeed(base.pow(exponent))
}

/** Near a multiple of pi only the digits of pi's own rounding would be left, so they go: sin(pi) is 0. */
const trigonometric = (compute: (x: Decimal) => Decimal) => (x: Decimal) => {
  if (x.abs().gt(MAX_ANGLE)) return nonsense(`angles go up to ${MAX_ANGLE} radians`)
  const value = compute(x)
  return Result.succeed(x.abs().lt(1e-10) ? value : value.toDecimalPlaces(WORKING_DIGITS - 18))
}

const logarithm = (compute: (x: Decimal) => Decimal) => (x: Decimal) =>
  x.lte(0) ? nonsense("a logarithm needs a positive number") : Result.succeed(compute(x))

const total = (compute: (x: Decimal) => Decimal) => (x: Decimal) => Result.succeed(compute(x))

const exponential = (x: Decimal) =>
  x.abs().gt(MAX_EXPONENT * Math.LN10) ? nonsense("the result is too large or too small") : Result.succeed(x.exp())

const UNARY: Readonly<Record<string, (x: Decimal) => Evaluated>> = {
  abs: total((x) => x.abs()),
  sign: total((x) => new Number64(x.isZero() ? 0 : x.s)),
  floor: total((x) => x.floor()),
  ceil: total((x) => x.ceil()),
  trunc: total((x) => x.trunc()),
  sqrt: (x) =>
    x.isNegative() && !x.isZero() ? nonsense("a negative number has no real square root") : Result.succeed(x.sqrt()),
  cbrt: total((x) => x.cbrt()),
  exp: exponential,
  ln: logarithm((x) => x.ln()),
  log10: logarithm((x) => x.log(10)),
  log2: logarithm((x) => x.log(2)),
  sin: trigonometric((x) => x.sin()),
  cos: trigonometric((x) => x.cos()),
  tan: trigonometric((x) => x.tan()),
  asin: total((x) => x.asin()),
  acos: total((x) => x.acos()),
  atan: total((x) => x.atan()),
  factorial
}

const divide = (compute: (a: Decimal, b: Decimal) => Decimal) => (a: Decimal, b: Decimal) =>
  b.isZero() ? nonsense("division by zero") : Result.succeed(compute(a, b))

const BINARY: Readonly<Record<string, (a: Decimal, b: Decimal) => Evaluated>> = {
  add: (a, b) => Result.succeed(a.plus(b)),
  subtract: (a, b) => Result.succeed(a.minus(b)),
  multiply: (a, b) => Result.succeed(a.times(b)),
  divide: divide((a, b) => a.div(b)),
  // The sign of the divisor, as in spreadsheets: mod(-1, 3) is 2.
  mod: divide((a, b) => a.minus(b.times(a.div(b).floor()))),
  pow: power
}

/** Functions that take several arguments, by name; the operators' own names are not among them. */
const call = (name: string, args: ReadonlyArray<Decimal>): Evaluated => {
  const [first, second, third] = args
  if (first === undefined) return nonsense(`${name} needs an argument`)
  if (name === "min" || name === "max") return Result.succeed(Number64[name](...args))
  if (third !== undefined) return nonsense(`${name} takes fewer arguments`)
  if (second !== undefined) {
    if (name === "mod" || name === "pow") return BINARY[name]?.(first, second) ?? nonsense(`there is no ${name}`)
    if (name === "log") {
      if (first.lte(0) || second.lte(0) || second.eq(1))
        return nonsense("a logarithm needs positive numbers, and a base that is not 1")
      return Result.succeed(first.log(second))
    }
    if (name === "round") {
      const places = second.toNumber()
      if (!(second.isInteger() && places >= 0 && places <= SHOWN_DIGITS))
        return nonsense(`round keeps 0 to ${SHOWN_DIGITS} places`)
      return Result.succeed(first.toDecimalPlaces(places))
    }
    return nonsense(`${name} takes one argument`)
  }
  if (name === "round") return Result.succeed(first.round())
  if (name === "log") return UNARY.ln?.(first) ?? nonsense("there is no log")
  return Object.hasOwn(UNARY, name)
    ? (UNARY[name]?.(first) ?? nonsense(`there is no ${name}`))
    : nonsense(`there is no function ${name.slice(0, 32)}`)
}

const inRange = (value: Decimal): Evaluated => {
  if (value.isNaN()) return nonsense("the result is not a number: an argument is outside the function's domain")
  if (!value.isFinite() || (!value.isZero() && Math.abs(value.e) > MAX_EXPONENT))
    return nonsense("the result is too large or too small")
  return Result.succeed(value)
}

/** mathjs types its tree loosely; these are the members that the kinds below have. */
interface Read {
  readonly type: string
  readonly value?: unknown
  readonly name?: string
  readonly fn?: string | { readonly name?: string; readonly type?: string }
  readonly implicit?: boolean
  readonly content?: MathNode
  readonly args?: ReadonlyArray<MathNode>
}

const evaluate = (node: MathNode): Evaluated => {
  const { type, value, name = "", fn, content, args = [] }: Read = node as Read
  if (type === "ParenthesisNode" && content !== undefined) return evaluate(content)
  if (type === "ConstantNode" && (typeof value === "number" || Decimal.isDecimal(value)))
    return inRange(new Number64(String(value)))
  if (type === "SymbolNode") {
    const constant = Object.hasOwn(CONSTANTS, name) ? CONSTANTS[name] : undefined
    return constant === undefined ? nonsense(`there is no constant ${name.slice(0, 32)}`) : Result.succeed(constant)
  }
  if (type !== "OperatorNode" && type !== "FunctionNode")
    return nonsense("only numbers, operators and functions are understood")
  const values: Array<Decimal> = []
  for (const argument of args) {
    const evaluated = evaluate(argument)
    if (Result.isFailure(evaluated)) return evaluated
    values.push(evaluated.success)
  }
  const [first, second] = values
  if (type === "FunctionNode") {
    if (typeof fn !== "object" || fn.type !== "SymbolNode") return nonsense("only functions by name are understood")
    return Result.flatMap(call(fn.name ?? "", values), inRange)
  }
  if (typeof fn !== "string" || first === undefined) return nonsense("that operator is not understood")
  if (fn === "unaryMinus") return Result.succeed(first.negated())
  if (fn === "unaryPlus") return Result.succeed(first)
  if (fn === "factorial") return Result.flatMap(factorial(first), inRange)
  const binary = Object.hasOwn(BINARY, fn) ? BINARY[fn] : undefined
  if (binary === undefined || second === undefined) return nonsense("that operator is not understood")
  return Result.flatMap(binary(first, second), inRange)
}

const depthOf = (expression: string): number => {
  let [depth, deepest] = [0, 0]
  for (const character of expression) {
    depth += character === "(" ? 1 : character === ")" ? -1 : 0
    deepest = Math.max(deepest, depth)
  }
  return deepest
}

const show = (value: Decimal): string => new Number64(value.toSignificantDigits(SHOWN_DIGITS)).toString()

/** Computes an expression; the failure is a sentence. */
export const calculate = Effect.fn("calculator.calculate")(function* (expression: string) {
  if (expression.length > MAX_LENGTH)
    return yield* new Nonsense({ message: `an expression has at most ${MAX_LENGTH} characters` })
  if (depthOf(expression) > MAX_DEPTH) return yield* new Nonsense({ message: "the expression is nested too deeply" })
  const tree = Result.try(() => parse(expression.replaceAll("**", "^")))
  if (Result.isFailure(tree)) return yield* new Nonsense({ message: "that is not an arithmetic expression" })
  return show(yield* Effect.fromResult(evaluate(tree.success)))
})

export const calculator = Tool.make({
  name: "calculator",
  title: "Calculator",
  description:
    "Computes an arithmetic expression exactly in decimal: 0.1 + 0.2 is 0.3. Knows + - * / % ^ (power) ! and parentheses; " +
    "abs, sign, round(x, places), floor, ceil, trunc, sqrt, cbrt, exp, ln, log(x, base), log10, log2, sin, cos, tan, asin, " +
    "acos, atan (radians), min, max, mod, pow, factorial; pi, e, tau. The result has up to 32 significant digits.",
  scope: "mcp.tools.call",
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: Schema.Struct({
    expression: Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(MAX_LENGTH)).annotate({
      description: "The expression, for example (1 + 2) * sqrt(16) / 3"
    })
  }),
  output: Schema.Struct({
    expression: Schema.String.annotate({ description: "The expression that was computed" }),
    result: Schema.String.annotate({ description: "The result as a decimal number" })
  }),
  handler: ({ expression }) =>
    calculate(expression).pipe(
      Effect.map((result) => ({ expression, result })),
      Effect.mapError(
        ({ message }) => new Tool.ToolFailure({ message: `${message[0]?.toUpperCase()}${message.slice(1)}.` })
      )
    )
})
