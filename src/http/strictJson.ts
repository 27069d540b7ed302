/**
 * JSON as two careful readers would agree on it (RFC 8259 §4, RFC 7493): no name twice in an object, no lone surrogate,
 * no depth that only a parser's stack limits. What a proxy or a log reads is then what we read.
 */

import { Option, Result } from "effect"

const MAX_DEPTH = 64
const WHITESPACE = new Set<string | undefined>([" ", "\t", "\n", "\r"])

/** The value, or `None` when the text is not strict JSON. */
export const parse = (text: string): Option.Option<unknown> =>
  Result.getSuccess(Result.try((): unknown => JSON.parse(text))).pipe(Option.filter(() => isStrict(text)))

// `text` is known to be JSON, so the scan need not check its grammar.
const isStrict = (text: string): boolean => {
  const open: Array<Set<string> | undefined> = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === "{") open.push(new Set())
    else if (character === "[") open.push(undefined)
    else if (character === "}" || character === "]") open.pop()
    if (open.length > MAX_DEPTH) return false
    if (character !== '"') continue
    const end = endOfString(text, at)
    const raw = text.slice(at + 1, end)
    const value: string = raw.includes("\\") ? JSON.parse(text.slice(at, end + 1)) : raw
    if (!value.isWellFormed()) return false
    at = end
    let next = end + 1
    while (WHITESPACE.has(text[next])) next++
    if (text[next] !== ":") continue
    const names = open.at(-1)
    if (names === undefined || names.has(value) || value === "__proto__") return false
    names.add(value)
  }
  return true
}

const endOfString = (text: string, start: number): number => {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1
  return at
}
