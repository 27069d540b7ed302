/**
 * JSON as two careful readers would agree on it (RFC 8259 §4, RFC 7493): no name twice in an object, no lone surrogate,
 * no depth that only a parser's stack limits, no more values than are read in a moment (RFC 8259 §9). What a proxy or a log
 * reads is then what we read.
 */

import { Option, Result } from "effect"

const MAX_DEPTH = 64
/** A text of a mebibyte may hold half a million, and whoever reads it after us pays for each. */
const MAX_VALUES = 10_000
const [QUOTE, COMMA, COLON, BRACKET, BACKSLASH, BRACE] = [0x22, 0x2c, 0x3a, 0x5b, 0x5c, 0x7b] as const

/** The value, or `None` when the text is not strict JSON. */
export const parse = (text: string): Option.Option<unknown> => {
  const written = namesIn(text)
  if (Number.isNaN(written)) return Option.none()
  return Option.filter(
    Result.getSuccess(Result.try((): unknown => JSON.parse(text))),
    // A name that stands twice in an object of the text is there once in the value, so it is enough to count.
    (value) => countNames(value, 0, text.includes("\\u")) === written && text.isWellFormed()
  )
}

/**
 * How many names are written in a text that may be JSON, in one pass: each has a colon behind it. `NaN` when it has more
 * values than that, by what stands before each: told before one is made.
 */
const namesIn = (text: string): number => {
  let names = 0
  let values = 0
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === QUOTE) at = endOfText(text, at)
    else if (character === COLON) names++
    else if (character === COMMA || character === BRACKET || character === BRACE) {
      if (++values > MAX_VALUES) return Number.NaN
    }
  }
  return names
}

/** Where the quotation that begins here ends, or the text does. */
const endOfText = (text: string, begin: number): number => {
  let at = begin + 1
  for (; at < text.length; at++) {
    const character = text.charCodeAt(at)
    if (character === QUOTE) return at
    if (character === BACKSLASH) at++
  }
  return at
}

/** How many names the objects of a value have; `NaN` when it is too deep, or a text or name is not to be had in it. */
const countNames = (value: unknown, depth: number, hasEscapes: boolean): number => {
  if (typeof value === "string") return hasEscapes && !value.isWellFormed() ? Number.NaN : 0
  if (typeof value !== "object" || value === null) return 0
  if (depth === MAX_DEPTH) return Number.NaN
  let names = 0
  if (Array.isArray(value)) {
    for (const item of value) names += countNames(item, depth + 1, hasEscapes)
    return names
  }
  // Made by the parser, so all of its names are its own.
  for (const name in value) {
    if (name === "__proto__" || (hasEscapes && !name.isWellFormed())) return Number.NaN
    names += 1 + countNames(value[name as keyof typeof value], depth + 1, hasEscapes)
  }
  return names
}
