/** What the server offers through `/mcp`. Sets may be put together, and replaced while the server runs. */

import type {
  Tool as Listing,
  McpServer,
  ServerCapabilities,
  ServerContext,
  ServerOptions
} from "@modelcontextprotocol/server"
import { Context, type Effect, type Exit } from "effect"
import type { Scope } from "../oauth/scope.ts"
import type { ToolFailure } from "./failure.ts"
import type { Prompt } from "./prompt.ts"
import type { Relayed } from "./relay.ts"
import type { Resource } from "./resource.ts"
import type { Caller, Tool } from "./tool.ts"

/** What an offering is put together from. */
export interface Parts {
  /** In the order in which they are listed. */
  readonly tools: ReadonlyArray<Tool>
  /** What a model is told of some of them; of the others it reads the title. */
  readonly purposes: Readonly<Record<string, string>>
  readonly prompts?: ReadonlyArray<Prompt>
  readonly resources?: ReadonlyArray<Resource>
  /** Of servers behind this one. */
  readonly relays?: Relayed
  /** What they say for a model to follow, each with the server's title, as an owner approved it. */
  readonly said?: ReadonlyArray<string>
}

export interface Offering {
  /** Whoever offers more puts it together anew. */
  readonly parts: Parts
  /** Called by both lanes, in the order in which they are listed. */
  readonly tools: ReadonlyArray<Tool>
  /** What its tools, and what stands beside them, may ask for. */
  readonly scopes: ReadonlyArray<Scope>
  /** What a client's model is told of the whole. Clients read the first 512 characters. */
  readonly instructions: string
  /** What a set offers beside its tools. */
  readonly more: More
  /** What is offered to this very caller, where not everything is for everybody. */
  readonly of?: (caller: Caller) => Effect.Effect<Offering, ToolFailure>
}

/** More of the protocol than tools that are called: resources, prompts, completion, put on the SDK's own server. */
export interface More {
  readonly capabilities: ServerCapabilities
  /** Of the tools that `register` brings along, their entries in `tools/list`. */
  readonly listings: ReadonlyArray<Listing>
  /** How a state that comes back from a client is verified, where tools ask it something between two rounds. */
  readonly requestState?: NonNullable<ServerOptions["requestState"]>
  /** Puts it all on the server of one request. */
  readonly register: (server: McpServer, serving: Serving) => void
}

/** What the lane has for handlers on the SDK's server. */
export interface Serving {
  readonly callerOf: (context: ServerContext) => Caller
  /** Within the request: what is logged bears its id, and it ends when the caller has hung up. */
  readonly run: <A, E>(context: ServerContext, effect: Effect.Effect<A, E>) => Promise<Exit.Exit<A, E>>
}

export class Toolset extends Context.Service<
  Toolset,
  {
    /** What is offered now: another object as soon as something else is. */
    readonly current: () => Offering
  }
>()("gatehouse/toolsets/Toolset") {}
