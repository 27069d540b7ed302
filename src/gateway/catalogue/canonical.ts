/** Whether two values mean the same: JSON with its members in one order (after RFC 8785), and its digest. */

import { createHash } from "node:crypto"
import { isRecord } from "../../toolsets/jsonSchema.ts"

/** What is deeper is refused elsewhere. */
const MOST_DEPTH = 64

export const canonical = (value: unknown, depth = 0): string => {
  if (depth > MOST_DEPTH) return '"…"'
  if (Array.isArray(value)) return `[${value.map((one) => canonical(one, depth + 1)).join(",")}]`
  if (!isRecord(value)) return JSON.stringify(value) ?? "null"
  const members = Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name], depth + 1)}`)
  return `{${members.join(",")}}`
}

export const digestOf = (value: unknown): string => createHash("sha256").update(canonical(value)).digest("base64url")
