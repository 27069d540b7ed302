/**
 * JSON as people write it into files, with comments and commas that are one too many (`jsonc-parser`, which VS Code reads its own
 * with), and all that is wrong with it, by line.
 */

import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser"

export interface ReadJson {
  readonly value: unknown
  readonly problems: ReadonlyArray<string>
}

const placeOf = (text: string, offset: number) => {
  const before = text.slice(0, offset).split("\n")
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
}

const wordsOf = (code: number) =>
  printParseErrorCode(code)
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase()

/** A name twice: one of the two would be lost without a word. */
const read = (node: Node, path: string, problems: Array<string>): unknown => {
  switch (node.type) {
    case "array":
      return (node.children ?? []).map((child, index) => read(child, `${path}[${index}]`, problems))
    case "object": {
      const members = new Map<string, unknown>()
      for (const { children: [key, value] = [] } of node.children ?? []) {
        if (key === undefined || value === undefined) continue
        const name = String(key.value)
        const at = path === "" ? name : `${path}.${name}`
        if (members.has(name)) problems.push(`${at}: stands there twice`)
        members.set(name, read(value, at, problems))
      }
      return Object.fromEntries(members)
    }
    default:
      return node.value
  }
}

/** The parser keeps a place on the stack for each level. */
const isDeep = (text: string) => {
  let depth = 0
  for (const character of text) {
    if (character === "{" || character === "[") depth++
    else if (character === "}" || character === "]") depth--
    // Of what stands in quotes all counts too, which is as many as no file of servers has.
    if (depth > 500) return true
  }
  return false
}

export const readJson = (text: string): ReadJson => {
  if (isDeep(text)) return { value: undefined, problems: ["is nested too deeply"] }
  const errors: Array<ParseError> = []
  const tree = parseTree(text.replace(/^\ufeff/, ""), errors, { allowTrailingComma: true })
  const problems = errors.map(({ error, offset }) => `${placeOf(text, offset)}: ${wordsOf(error)}`)
  if (tree === undefined || problems.length > 0) {
    return { value: undefined, problems: problems.length > 0 ? problems : ["there is nothing in it"] }
  }
  return { value: read(tree, "", problems), problems }
}
