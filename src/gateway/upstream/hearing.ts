/**
 * What is heard of a session before the SDK's client hears it: progress, lists that have changed, and lists as they came. The client
 * hears of progress a moment later than of the answer, and if both come together it has forgotten by then who asked; and on the
 * revision of 2026 it refuses a whole list for one odd entry.
 */

import type { JSONRPCMessage } from "@modelcontextprotocol/client"

export type OnProgress = (done: number, total: number | undefined, text: string | undefined) => void

export interface Hearing {
  /** Who hears of the progress of a request, by the token that it was sent with. */
  readonly progress: Map<string, OnProgress>
  readonly hear: (message: JSONRPCMessage) => void
}

const CHANGED = /^notifications\/(?:tools|prompts|resources)\/list_changed$/
const LISTS = ["tools", "prompts", "resources", "resourceTemplates"]
/** A property that no schema sees, and that stays with the result. */
const ASIDE = Symbol("lists as they came")

const numberOf = (value: unknown) => (typeof value === "number" ? value : undefined)

const setAside = (result: Record<PropertyKey, unknown>) => {
  const aside = Object.fromEntries(
    LISTS.filter((name) => Array.isArray(result[name])).map((name) => [name, result[name]])
  )
  if (Object.keys(aside).length === 0) return
  result[ASIDE] = aside
  for (const name of Object.keys(aside)) result[name] = []
}

/** A result with the lists that were set aside. */
export const restored = (result: Record<string, unknown>): Record<string, unknown> => {
  const aside = (result as Record<PropertyKey, unknown>)[ASIDE]
  return typeof aside === "object" ? { ...result, ...aside } : result
}

/** `isModern` tells whether the session speaks the revision of 2026. */
export const makeHearing = (isModern: () => boolean, onListChanged: () => void): Hearing => {
  const progress: Hearing["progress"] = new Map()
  return {
    progress,
    hear: (message) => {
      if ("result" in message) {
        if (isModern() && typeof message.result === "object" && message.result !== null) setAside(message.result)
        return
      }
      if (!("method" in message)) return
      if (message.method === "notifications/progress") {
        const { progressToken, progress: done, total, message: text } = message.params ?? {}
        if (typeof progressToken !== "string" || typeof done !== "number") return
        progress.get(progressToken)?.(done, numberOf(total), typeof text === "string" ? text : undefined)
      } else if (CHANGED.test(message.method)) onListChanged()
    }
  }
}
