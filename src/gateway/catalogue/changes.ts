/** What is another between two definitions of a thing, member by member, as a person reads it. */

import { isRecord } from "../../toolsets/jsonSchema.ts"
import type { Definition } from "./definition.ts"

export interface Change {
  /** Which member: `description`, `arguments.query.type`. */
  readonly path: string
  /** Its lines that are no more, and those that are new. */
  readonly removed: ReadonlyArray<string>
  readonly added: ReadonlyArray<string>
}

/** What members are called where people read them. */
const NAMES: Readonly<Record<string, string>> = {
  inputSchema: "arguments",
  outputSchema: "results",
  annotations: "hints",
  ui: "card"
}
/** They say nothing by themselves. */
const PASSED_OVER = new Set(["properties", "items"])

const linesOf = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string" ? value.split("\n") : [JSON.stringify(value) ?? ""]

/** Every value of a definition by where it stands; lists of plain values are one. */
const leavesOf = (value: unknown, path: ReadonlyArray<string>, leaves: Map<string, ReadonlyArray<string>>): void => {
  const at = path.join(".")
  if (isRecord(value) && Object.keys(value).length > 0) {
    for (const [name, member] of Object.entries(value)) {
      const isWord = PASSED_OVER.has(name) && isRecord(member)
      leavesOf(member, isWord ? path : [...path, path.length === 0 ? (NAMES[name] ?? name) : name], leaves)
    }
  } else if (Array.isArray(value) && value.some(isRecord)) {
    for (const [index, member] of value.entries()) leavesOf(member, [...path, String(index + 1)], leaves)
  } else leaves.set(at, linesOf(value))
}

const leaves = (definition: Definition | undefined): ReadonlyMap<string, ReadonlyArray<string>> => {
  const all = new Map<string, ReadonlyArray<string>>()
  if (definition === undefined) return all
  leavesOf(definition.listing, [], all)
  if (definition.problem !== undefined) all.set("cannot be listed", [definition.problem])
  return all
}

const without = (lines: ReadonlyArray<string>, others: ReadonlyArray<string>) => {
  const known = new Set(others)
  return lines.filter((line) => !known.has(line))
}

/** What nobody sees, or what is not listed: there is nothing to show of it, and it is a change all the same. */
const UNSEEN: Change = {
  path: "what is not listed",
  removed: [],
  added: ["Something is another that clients are not shown: hidden characters, or members that are left out."]
}

export const changesOf = (before: Definition | undefined, after: Definition | undefined): ReadonlyArray<Change> => {
  const [old, now] = [leaves(before), leaves(after)]
  const changes = [...new Set([...old.keys(), ...now.keys()])].flatMap((path): ReadonlyArray<Change> => {
    const [was, is] = [old.get(path) ?? [], now.get(path) ?? []]
    const [removed, added] = [without(was, is), without(is, was)]
    if (removed.length + added.length > 0) return [{ path, removed, added }]
    // The same lines in another order, or another number of them.
    return was.join("\n") === is.join("\n") ? [] : [{ path, removed: was, added: is }]
  })
  const isOther = before !== undefined && after !== undefined && before.digest !== after.digest
  return changes.length === 0 && isOther ? [UNSEEN] : changes
}
