/**
 * JSON as two careful readers would agree on it (RFC 8259 §4, RFC 7493): no name twice in an object, no lone surrogate,
 * no depth that only a parser's stack limits. What a proxy or a log reads is then what we read.
 */

import { Option, Result } from "effect"

const MAX_DEPTH = 64
const [BACKSLASH, COLON] = [0x5c, 0x3a] as const
const WHITESPACE = new Set([0x20, 0x09, 0x0a, 0x0d])

/** The value, or `None` when the text is not strict JSON. */
export const parse = (text: string): Option.Option<unknown> =>
  Option.filter(Result.getSuccess(Result.try((): unknown => JSON.parse(text))), (value) => {
    // A name that stands twice in an object of the text is there once in the value, so it is enough to count.
    const names = countNames(value, 0, text.includes("\\u"))
    return names === namesIn(text) && text.isWellFormed()
  })

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
  for (const [name, member] of Object.entries(value)) {
    if (name === "__proto__" || (hasEscapes && !name.isWellFormed())) return Number.NaN
    names += 1 + countNames(member, depth + 1, hasEscapes)
  }
  return names
}

/** How many names are written in a text that is known to be JSON, so that its grammar need not be checked. */
const namesIn = (text: string): number => {
  let names = 0
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    do at = text.indexOf('"', at + 1)
    while (isEscaped(text, at))
    do at++
    while (WHITESPACE.has(text.charCodeAt(at)))
    if (text.charCodeAt(at) === COLON) names++
  }
  return names
}

/** Whether an odd number of backslashes stands before this place. */
const isEscaped = (text: string, at: number): boolean => {
  let start = at
  while (text.charCodeAt(start - 1) === BACKSLASH) start--
  return (at - start) % 2 === 1
}
