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
