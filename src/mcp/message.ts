/**
 * JSON-RPC messages as far as the gate and the fast lane look into them. Plain checks and no schema: this is read for
 * every request, and whatever it does not recognise, the SDK judges.
 */

import { type Headers, HttpServerResponse } from "effect/http"

export type Members = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Whether an object has no other members than these. */
export const hasOnly = (value: Members, names: ReadonlySet<string>): boolean => {
  for (const name in value) if (!names.has(name)) return false
  return true
}

const NONE: Members = Object.freeze({})

/** `method`, `params` and `params._meta` of a message, whatever it is otherwise. */
export const envelopeOf = (message: unknown) => {
  const { method, params } = isObject(message) ? message : NONE
  const given = isObject(params) ? params : NONE
  return { method, params: given, meta: isObject(given._meta) ? given._meta : NONE }
}

const MAX_CHAT = 256

/** Which conversation a request belongs to, by a session id of the 2025 era or by ChatGPT's hint. Neither proves anything. */
export const chatOf = (headers: Headers.Headers, meta: unknown): string | undefined => {
  const hint = headers["mcp-session-id"] ?? (isObject(meta) ? meta["openai/session"] : undefined)
  return typeof hint === "string" && hint.length <= MAX_CHAT ? hint : undefined
}

/** JSON-RPC 2.0 §5.1. */
export const [PARSE_ERROR, INVALID_REQUEST, INVALID_PARAMS, INTERNAL_ERROR] = [-32700, -32600, -32602, -32603] as const

/** JSON-RPC 2.0 §5.1: an error about a request that was not read has no id. */
export const rpcError = (status: number, code: number, message: string) =>
  HttpServerResponse.jsonUnsafe({ jsonrpc: "2.0", id: null, error: { code, message } }, { status })

/** A message with what clients write for "nothing" taken away: `null` params, arguments, cursor or `_meta`. */
export const forgiven = (message: unknown): unknown => {
  if (!isObject(message)) return message
  const { params } = message
  if (params === null) {
    const { params: _, ...rest } = message
    return rest
  }
  if (!isObject(params) || (params.arguments !== null && params.cursor !== null && params._meta !== null))
    return message
  const kept = Object.entries(params).filter(
    ([name, value]) => value !== null || !["arguments", "cursor", "_meta"].includes(name)
  )
  return { ...message, params: Object.fromEntries(kept) }
}
