/** The calculator's numbers: decimals of bounded size, and what may be done with them. */

import { Decimal } from "decimal.js"
import { Result } from "effect"
import { ToolFailure } from "../../failure.ts"

/** Digits carried through a calculation, and digits of those that count as exact in a result. */
const PRECISION = 64
const EXACT_DIGITS = 60
/** A result with more digits than this does not end (1/3, sqrt(2)): it is cut to `SHOWN_DIGITS`. */
const ENDING_DIGITS = 50
const SHOWN_DIGITS = 32
/** Magnitudes from 1e999 are refused, below 1e-998 they are 0: nothing grows without end. */
const LARGEST_EXPONENT = 998
/** Beyond this magnitude, reducing an angle costs milliseconds and means nothing. */
const LARGEST_ANGLE_EXPONENT = 100
/**
 * Nearer to zero than this, a sine, tangent or arc is its own argument to the last digit carried, and a cosine is 1: the
 * next term has the argument's square. The library's series are slow there, and never end where the square is no number.
 */
const TINY_EXPONENT = -32
/** Nearer than this, an arc is the first two terms of its series. */
const SMALL_EXPONENT = -17
/** Results from here to 60 digits are written out, others with an exponent. */
const SMALLEST_PLAIN_EXPONENT = -20

const Exact = Decimal.clone({
  precision: PRECISION,
  maxE: LARGEST_EXPONENT,
  minE: -LARGEST_EXPONENT,
  modulo: 3 // The result has the sign of the divisor, as in mathematics and Python.
})

const ZERO = new Exact(0)
const ONE = new Exact(1)
const PI = Exact.acos(-1)
const QUARTER = PI.div(2)
const LN_2 = Exact.ln(2)

/** A literal as a number of bounded precision. */
export const literal = (value: string) => new Exact(value).toSignificantDigits(PRECISION)

/** Names are looked up here in lower case, so `constructor` and `__proto__` are names like any other unknown one. */
export const constants: ReadonlyMap<string, Decimal> = new Map([
  ["pi", PI],
  ["tau", PI.times(2)],
  ["e", Exact.exp(1)]
])

/** An operation on decimals that checks its operands first. */
export interface Operation {
  readonly minimum: number
  readonly maximum: number
  readonly apply: (...operands: ReadonlyArray<Decimal>) => Decimal
  /** What it takes at worst, in units of about a tenth of a millisecond; nothing worth counting if absent. */
  readonly cost?: (...operands: ReadonlyArray<Decimal>) => number
  /** What is wrong with the operands, if anything. */
  readonly refuse?: (...operands: ReadonlyArray<Decimal>) => string | undefined
}

/** What an expression may still spend. */
export interface Budget {
  left: number
}

/** All the costly operations of one expression: 512 characters hold enough of them to keep a processor busy. */
const BUDGET = 100
export const budget = (): Budget => ({ left: BUDGET })

const refuse = (message: string) => Result.fail(new ToolFailure(message))

/** Applies an operation: the answer is always a finite number. */
export const calculate = (
  name: string,
  { apply, cost, refuse: refusalOf }: Operation,
  operands: ReadonlyArray<Decimal>,
  spending: Budget
): Result.Result<Decimal, ToolFailure> => {
  const refused = refusalOf?.(...operands)
  if (refused !== undefined) return refuse(refused)
  spending.left -= cost?.(...operands) ?? 0
  if (spending.left < 0) return refuse("The expression takes too much work: split it.")
  return finite(name, apply(...operands))
}

/** Refuses what is not a number, or too large to be one here. */
export const finite = (name: string, value: Decimal): Result.Result<Decimal, ToolFailure> => {
  if (value.isNaN()) return refuse(`${name} has no real value for these numbers.`)
  return value.isFinite() ? Result.succeed(value) : refuse(`${name} is too large: numbers must stay below 1e999.`)
}

/** The result as people write it: noise of the last digits rounded away, an exponent only when it is needed. */
export const show = (value: Decimal) => {
  const settled = settle(value)
  const ends = settled.precision() <= ENDING_DIGITS || (settled.isInteger() && settled.e < EXACT_DIGITS)
  const shown = ends ? settled : settled.toSignificantDigits(SHOWN_DIGITS)
  if (shown.isZero()) return "0"
  const isPlain = shown.e >= SMALLEST_PLAIN_EXPONENT && shown.e < EXACT_DIGITS
  return isPlain ? shown.toFixed() : shown.toExponential()
}

const settle = (value: Decimal) => value.toSignificantDigits(EXACT_DIGITS)

/** What is left when nearly equal numbers are subtracted is rounding noise: 1 - 1/3*3 is 0. */
const withoutNoise = (sum: Decimal, ...operands: ReadonlyArray<Decimal>) =>
  sum.e < Math.max(...operands.map((operand) => (operand.isZero() ? sum.e : operand.e))) - (PRECISION - 3) ? ZERO : sum

/** `pi` is rounded, so its sine is not quite 0. */
const ofAngle = (value: Decimal, angle: Decimal) =>
  angle.abs().gte(1) && value.abs().lt(`1e-${EXACT_DIGITS}`) ? ZERO : value

const isTiny = (x: Decimal) => x.e < TINY_EXPONENT

const sin = (angle: Decimal) => (isTiny(angle) ? angle : ofAngle(angle.sin(), angle))
const cos = (angle: Decimal) => (isTiny(angle) ? ONE : ofAngle(angle.cos(), angle))
const cubed = (x: Decimal) => x.times(x).times(x)
const asin = (x: Decimal) => {
  if (isTiny(x)) return x
  return x.e < SMALL_EXPONENT ? x.plus(cubed(x).div(6)) : x.asin()
}
/** Of what is as far from zero, the arc is a right angle less that of the inverse. */
const atan = (x: Decimal) => {
  if (isTiny(x)) return x
  if (x.e < SMALL_EXPONENT) return x.minus(cubed(x).div(3))
  return x.e > -TINY_EXPONENT ? QUARTER.times(Exact.sign(x)).minus(ONE.div(x)) : x.atan()
}

/** All factorials that are numbers here, each from the one before: there are some 450, made as far as they were needed. */
const factorials = [ONE]
const factorial = (n: Decimal) => {
  let last = factorials.at(-1) ?? ONE
  while (n.gte(factorials.length) && last.isFinite()) {
    last = last.times(factorials.length)
    factorials.push(last)
  }
  return factorials[n.toNumber()] ?? last
}

const power = (base: Decimal, exponent: Decimal) => base.pow(exponent)
/** A remainder that rounded numbers leave of nothing, or of a whole divisor, is noise: 1 mod (1/3) is 0. */
const modulo = (dividend: Decimal, divisor: Decimal) => {
  const remainder = dividend.mod(divisor)
  if (dividend.precision() <= EXACT_DIGITS && divisor.precision() <= EXACT_DIGITS) return remainder
  const left = Exact.min(remainder.abs(), divisor.abs().minus(remainder.abs()))
  return left.lt(new Exact(10).pow(dividend.e - EXACT_DIGITS)) ? ZERO : remainder
}

const round = (value: Decimal, digits = ZERO) => settle(value).toDecimalPlaces(digits.toNumber())

type Checks1 = { readonly refuse?: (x: Decimal) => string | undefined; readonly cost?: number }

const of1 = (apply: (x: Decimal) => Decimal, { refuse, cost = 0 }: Checks1 = {}): Operation => ({
  minimum: 1,
  maximum: 1,
  apply: (x = ZERO) => apply(x),
  cost: () => cost,
  refuse: (x = ZERO) => refuse?.(x)
})

type Check2 = (x: Decimal, y: Decimal) => string | undefined

const of2 = (apply: (x: Decimal, y: Decimal) => Decimal, refuse?: Check2, cost = 0): Operation => ({
  minimum: 2,
  maximum: 2,
  apply: (x = ZERO, y = ZERO) => apply(x, y),
  cost: () => cost,
  refuse: (x = ZERO, y = ZERO) => refuse?.(x, y)
})

const ofMany = (apply: (...all: Array<Decimal>) => Decimal): Operation => ({
  minimum: 1,
  maximum: Number.POSITIVE_INFINITY,
  apply: (...all) => apply(...all)
})

const aboveZero = (x: Decimal) => (x.gt(0) ? undefined : "A logarithm needs numbers above zero.")
const unitInterval = (x: Decimal) => (x.abs().lte(1) ? undefined : "asin and acos need a number from -1 to 1.")
const sensibleAngle = (x: Decimal) =>
  x.e < LARGEST_ANGLE_EXPONENT ? undefined : `An angle must stay below 1e${LARGEST_ANGLE_EXPONENT}.`
const finiteTangent = (x: Decimal) =>
  sensibleAngle(x) ?? (cos(x).isZero() ? "The tangent of this angle is infinite." : undefined)
const notNegative = (x: Decimal) => (x.lt(0) ? "A negative number has no real square root." : undefined)
const divisible = (_: Decimal, y: Decimal) => (y.isZero() ? "Division by zero." : undefined)
const wholeNumber = (x: Decimal) =>
  x.isInteger() && !x.isNegative() ? undefined : "A factorial needs a whole number that is not negative."
const realPower = (x: Decimal, y: Decimal) => {
  if (x.isZero() && y.isNegative()) return "Division by zero: zero has no negative power."
  return x.isNegative() && !x.isZero() && !y.isInteger()
    ? "A negative number has no real power with a fractional exponent; for cube roots there is cbrt."
    : undefined
}

const factorialOperation = of1((n) => factorial(settle(n)), { refuse: (n) => wholeNumber(settle(n)) })
const moduloOperation = of2(modulo, divisible, 0.5)
const powerOperation: Operation = {
  ...of2(power, realPower),
  cost: (_, exponent = ZERO) => (exponent.isInteger() ? (exponent.e < 2 ? 0.2 : 2) : 8)
}
const logarithm: Operation = {
  minimum: 1,
  maximum: 2,
  apply: (x = ZERO, base) => (base === undefined ? x.ln() : x.ln().div(base.ln())),
  cost: () => 6,
  refuse: (x = ZERO, base) =>
    aboveZero(x) ?? (base && (aboveZero(base) ?? (base.eq(1) ? "A logarithm has no base 1." : undefined)))
}
const rounding: Operation = {
  minimum: 1,
  maximum: 2,
  apply: (x = ZERO, digits) => round(x, digits),
  refuse: (_, digits = ZERO) =>
    digits.isInteger() && digits.gte(0) && digits.lte(EXACT_DIGITS)
      ? undefined
      : `round needs a whole number of digits from 0 to ${EXACT_DIGITS}.`
}

/** What operators stand for. */
export const operations = {
  add: of2((x, y) => withoutNoise(x.plus(y), x, y)),
  subtract: of2((x, y) => withoutNoise(x.minus(y), x, y)),
  multiply: of2((x, y) => x.times(y)),
  divide: of2((x, y) => x.div(y), divisible),
  modulo: moduloOperation,
  power: powerOperation,
  identity: of1((x) => x),
  negate: of1((x) => x.neg()),
  factorial: factorialOperation,
  percent: of1((x) => x.div(100))
} satisfies Record<string, Operation>

/** By the name that people write. */
export const functions: ReadonlyMap<string, Operation> = new Map([
  ["sqrt", of1((x) => x.sqrt(), { refuse: notNegative, cost: 0.3 })],
  ["cbrt", of1((x) => x.cbrt(), { cost: 0.6 })],
  ["abs", of1((x) => x.abs())],
  ["sign", of1((x) => new Exact(Exact.sign(x)))],
  ["round", rounding],
  ["floor", of1((x) => settle(x).floor())],
  ["ceil", of1((x) => settle(x).ceil())],
  ["trunc", of1((x) => settle(x).trunc())],
  ["exp", of1((x) => x.exp(), { cost: 3 })],
  ["ln", of1((x) => x.ln(), { refuse: aboveZero, cost: 2 })],
  ["log", logarithm],
  ["log10", of1((x) => x.log(10), { refuse: aboveZero, cost: 3 })],
  ["log2", of1((x) => x.ln().div(LN_2), { refuse: aboveZero, cost: 3 })],
  ["sin", of1(sin, { refuse: sensibleAngle, cost: 5 })],
  ["cos", of1(cos, { refuse: sensibleAngle, cost: 5 })],
  ["tan", of1((x) => sin(x).div(cos(x)), { refuse: finiteTangent, cost: 14 })],
  ["asin", of1(asin, { refuse: unitInterval, cost: 18 })],
  ["acos", of1((x) => x.acos(), { refuse: unitInterval, cost: 18 })],
  ["atan", of1(atan, { cost: 18 })],
  ["min", ofMany((...all) => Exact.min(...all))],
  ["max", ofMany((...all) => Exact.max(...all))],
  ["pow", powerOperation],
  ["mod", moduloOperation],
  ["factorial", factorialOperation]
])
