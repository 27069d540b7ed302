/** Entries put into `gatehouse.json`: comments, order and spelling of what is there stay as they are. */

import { applyEdits, createScanner, findNodeAtLocation, modify, parseTree } from "jsonc-parser"
import { isRecord } from "../../toolsets/jsonSchema.ts"
import { readJson } from "./json.ts"
import { mountName, readMounts } from "./mounts.ts"
import { expanded, type Variables } from "./variables.ts"

type Members = Readonly<Record<string, unknown>>

export interface Written {
  /** The whole file, as it is to be. */
  readonly text: string
  readonly added: ReadonlyArray<string>
  readonly replaced: ReadonlyArray<string>
  /** What was there already, and stays. */
  readonly kept: ReadonlyArray<string>
  readonly problems: ReadonlyArray<string>
}

const FORMAT = { formattingOptions: { insertSpaces: true, tabSize: 2, eol: "\n" } }
const BEGINNING = '{\n  "mcpServers": {}\n}\n'

/** Kinds of what a scanner meets, which the library has as a `const enum` that cannot be imported here. */
const [COMMA, LINE_COMMENT, BLOCK_COMMENT, LINE_BREAK, TRIVIA] = [5, 12, 13, 14, 15] as const

/**
 * One more entry at the end, on lines of its own: the library's `modify` would spell the line before it anew. Nothing where
 * the servers do not stand on lines of their own.
 */
const appended = (text: string, name: string, entry: Members | undefined): string | undefined => {
  const tree = parseTree(text, [], { allowTrailingComma: true })
  const last = tree && findNodeAtLocation(tree, ["mcpServers"])?.children?.at(-1)
  if (last === undefined) return undefined
  const end = last.offset + last.length
  const indent = /(?:^|\n)([ \t]*)$/.exec(text.slice(0, last.offset))?.[1]
  const scanner = createScanner(text)
  scanner.setPosition(end)
  let hasComma = false
  // Behind what stands on the same line: the comma, and the comment on what was last so far.
  let at = end
  for (;;) {
    const kind: number = scanner.scan()
    if (kind === LINE_BREAK) break
    if (kind === COMMA) hasComma = true
    else if (kind !== TRIVIA && kind !== LINE_COMMENT && kind !== BLOCK_COMMENT) return undefined
    if (kind !== TRIVIA) at = scanner.getTokenOffset() + scanner.getTokenLength()
  }
  if (indent === undefined) return undefined
  const lines = JSON.stringify(entry, undefined, 2).split("\n").join(`\n${indent}`)
  const before = `${text.slice(0, end)}${hasComma ? "" : ","}${text.slice(end, at)}`
  return `${before}\n${indent}${JSON.stringify(name)}: ${lines}${text.slice(at)}`
}

const put = (text: string, name: string, entry: Members | undefined, isThere: boolean): string =>
  (isThere ? undefined : appended(text, name, entry)) ??
  applyEdits(text, modify(text, ["mcpServers", name], entry, FORMAT))

/** The file with these entries; one that is there is replaced only if that is asked for. */
export const withEntries = (
  text: string | undefined,
  entries: ReadonlyMap<string, Members>,
  replace: boolean
): Written => {
  const nothing = { added: [], replaced: [], kept: [] }
  const before = text === undefined || text.trim() === "" ? BEGINNING : text
  const { value, problems } = readJson(before)
  if (problems.length > 0) return { ...nothing, text: before, problems }
  const servers = isRecord(value) ? (value.mcpServers ?? {}) : undefined
  if (!isRecord(servers)) return { ...nothing, text: before, problems: ["mcpServers: must be an object of servers"] }
  // Whatever it is written as there, two of one name here would be one too many.
  const there = new Map(Object.keys(servers).map((name) => [mountName(name), name]))
  const names = [...entries.keys()]
  const isThere = (name: string) => there.has(mountName(name))
  const written = names.filter((name) => replace || !isThere(name))
  return {
    text: written.reduce(
      (so, name) => put(so, there.get(mountName(name)) ?? name, entries.get(name), isThere(name)),
      before
    ),
    added: written.filter((name) => !isThere(name)),
    replaced: written.filter(isThere),
    kept: names.filter((name) => !written.includes(name)),
    problems: []
  }
}

/** What is wrong with entries wherever they stand; that a variable is not set yet is no fault of theirs. */
export const faultsOf = (entries: ReadonlyMap<string, Members>, isOurs: (name: string) => boolean) => {
  const servers = Object.fromEntries(entries)
  const { problems } = readMounts(JSON.stringify({ mcpServers: servers }), "/", { isOurs, lookUp: () => "1" })
  // An address is none before its variables are set.
  const isOpen = (name: string) => String(servers[name]?.url).includes("${")
  return problems.filter(
    (problem) => !/^mcpServers\.([^.]+)\.url: is no/.test(problem) || !isOpen(problem.split(".")[1] ?? "")
  )
}

/** The variables that entries ask for and that are not set, in their order. */
export const unset = (entries: Iterable<Members>, { lookUp, isOurs }: Variables): ReadonlyArray<string> => {
  const missing = new Set<string>()
  const look = (value: unknown): void => {
    if (isRecord(value)) Object.values(value).forEach(look)
    else if (Array.isArray(value)) value.forEach(look)
    else if (typeof value === "string") {
      const asked = new Set<string>()
      const { problems } = expanded(value, {
        isOurs,
        lookUp: (name) => {
          const found = lookUp(name)
          if (!found) asked.add(name)
          return found
        }
      })
      // What has a value of its own for that is not missing.
      for (const name of asked) if (problems.includes(`${name} is not set`)) missing.add(name)
    }
  }
  for (const entry of entries) look(entry)
  return [...missing]
}
