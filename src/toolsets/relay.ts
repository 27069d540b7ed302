/** Prompts and resources of servers behind this one: listed and answered in their words. */

import type { Effect } from "effect"
import type { Scope } from "../oauth/scope.ts"
import type { ToolFailure } from "./failure.ts"
import type { Caller } from "./tool.ts"

type Members = Readonly<Record<string, unknown>>

/** Something that another server has: how it is listed here, and what it answers to whoever asks for it. */
export interface Relay<Listing extends object = object> {
  readonly listing: Listing
  /** What a caller needs beside `mcp.tools.call`. */
  readonly scope: Scope
  readonly answer: (params: Members, caller: Caller) => Effect.Effect<Members, ToolFailure>
}

/** All of one kind under the names, or URIs, that clients ask for them by. */
export type Relays<Listing extends object> = ReadonlyMap<string, Relay<Listing>>

/**
 * Whether a URI may be of a template (RFC 6570): what stands outside of its braces stands there, in order. One look along it, where the
 * template as a regular expression may take forever; the server that has it judges the rest.
 */
export const mayBeOf = (uriTemplate: string, uri: string): boolean => {
  const [first = "", ...others] = uriTemplate.split(/\{[^{}]*\}/)
  const last = others.pop() ?? ""
  if (!uri.startsWith(first) || uri.length < first.length + last.length || !uri.endsWith(last)) return false
  let at = first.length
  for (const literal of others) {
    const found = uri.indexOf(literal, at)
    if (found < 0) return false
    at = found + literal.length
  }
  return at <= uri.length - last.length
}

/** What other servers have beside tools. */
export interface Relayed {
  readonly prompts: Relays<{ readonly name: string }>
  readonly resources: Relays<{ readonly uri: string; readonly name: string }>
  /** By their URI templates (RFC 6570). */
  readonly templates: Relays<{ readonly uriTemplate: string; readonly name: string }>
  /** Suggestions for an argument, as MCP's "Completion" answers; nothing for what no server has. */
  readonly complete: (params: Members, caller: Caller) => Effect.Effect<Members, ToolFailure> | undefined
}

export const NOTHING_RELAYED: Relayed = {
  prompts: new Map(),
  resources: new Map(),
  templates: new Map(),
  complete: () => undefined
}
