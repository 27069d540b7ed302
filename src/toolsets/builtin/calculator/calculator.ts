/** `calculator`: arithmetic for a model that must not guess digits. */

import { Effect, Result, Schema } from "effect"
import { tool } from "../../declare.ts"
import type { ToolFailure } from "../../failure.ts"
import { functions, show } from "./arithmetic.ts"
import { evaluate } from "./expression.ts"

const MAX_LENGTH = 512

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
export const calculator = tool({
  name: "calculator",
  title: "Calculator",
  description:
    "Works out an arithmetic expression in exact decimals: 0.1 + 0.2 is 0.3, and integers keep up to 60 digits. " +
    "Operators + - * / ^ (or **) % (remainder, with the divisor's sign; after a number alone, percent) and !; " +
    "parentheses; multiplication always needs *; -2^2 is -4 and 2^3^2 is 2^9. A percentage added to a number, or taken " +
    "from it, is one of that number: 100 + 5% is 105, and 100 - 10% - 10% is 81. Percentages add up: 50% + 50% is 1. " +
    "In parentheses a percentage is a plain number: 100 + (5%) is 100.05. " +
    `Functions: ${[...functions.keys()].join(", ")} (angles in radians; log is the natural logarithm, log(x, base) ` +
    "any other; round(x, digits)). Constants: pi, tau, e. No variables or units; numbers " +
    "have no thousands separators, and commas between numbers a blank behind them: max(1, 200).",
  hints: { readOnly: true, idempotent: true, openWorld: false },
  person: false,
  input: Input,
  output: Output,
  run: ({ expression }) => Effect.fromResult(calculation(expression))
})

/** What the tool answers. Pure: no fiber is needed to add two numbers. */
export const calculation = (
  expression: string
): Result.Result<{ readonly expression: string; readonly result: string }, ToolFailure> =>
  Result.map(evaluate(expression), (value) => ({ expression: expression.trim(), result: show(value) }))
