/** What a tool is to the server: how it is listed, and a call that never trusts its arguments. */

import { Effect, Exit } from "effect"
import type { Scope } from "../oauth/scope.ts"
import type { Content, Relayed } from "./content.ts"
import type { Failure, ToolFailure } from "./failure.ts"
import type { JsonSchema } from "./jsonSchema.ts"

/** Who a tool works for. Of the demo person, and of one who is gone, only the id is known. */
export interface Person {
  /** Never changes and is never given to another: `sub` of their tokens. */
  readonly id: string
  readonly name: string | undefined
  /** An address that somebody who knows has vouched for; of any other nothing is told. */
  readonly email: string | undefined
  /** `owner`, or `member`. */
  readonly roles: ReadonlyArray<string>
}

/**
 * Who calls a tool. It is handed over and stands in no context: nothing of it gets to anybody unless the tool sends it
 * there.
 */
export interface Caller {
  readonly subject: string
  /** The client that calls for them. */
  readonly clientId: string
  /** The session of its tokens: what it was allowed once, and goes on with. */
  readonly grant: string
  /** What was granted to it: the scope of the tool is among them. */
  readonly scopes: ReadonlyArray<string>
  /** Looked up when it is run, and then known for as long as the token is kept in memory. */
  readonly person: Effect.Effect<Person, ToolFailure>
}

/** What the request of a call can carry besides. */
export interface Carrier {
  /** How far the work is; only for a caller that asked. */
  readonly progress?: (done: number, total: number | undefined, text: string | undefined) => void
  /** Which of the person's conversations it belongs to, where the client tells them apart: a hint, and no authority. */
  readonly chat?: string
  /** What the person answered to what was asked so far; nothing where the protocol, or the client, cannot ask. */
  readonly answers?: Readonly<Record<string, unknown>>
}

/** What a tool has of the process that it runs in. */
export interface Host {
  /** A variable of the environment, as the operator set it. */
  readonly secret: (name: string) => string | undefined
  /** Runs it in a thread, where it asked for one. */
  readonly aside?: (input: unknown, call: AsideCall) => Promise<unknown>
}

/** What a thread gets of a call, beside the input. */
export interface AsideCall {
  readonly person: Person
  readonly client: { readonly id: string }
  readonly scopes: ReadonlyArray<string>
  readonly requestId: string | undefined
  readonly answers: Readonly<Record<string, unknown>> | undefined
  readonly progress: (done: number, total?: number, text?: string) => void
  readonly log: (message: string, details?: Readonly<Record<string, unknown>>) => void
  readonly signal: AbortSignal
}

/** A card in a file of its own. */
export interface Card {
  /** HTML without anything beside it: from the declaration's own folder, or where a URL says. */
  readonly file: string | URL
  readonly title?: string
  /** The origins that it may fetch from, and load from; none unless said. */
  readonly csp?: App["csp"]
}

/** A card that a client may show with a tool's result: an MCP App (SEP-1865). */
export interface App {
  /** `ui://…` */
  readonly uri: string
  readonly title: string
  readonly html: string
  /** The origins that it may fetch from, and load from; none unless said. */
  readonly csp: { readonly connectDomains?: ReadonlyArray<string>; readonly resourceDomains?: ReadonlyArray<string> }
}

/**
 * What a call comes to: a value for `outputSchema`, an answer in parts, or one of another server. A question to the person is
 * thrown (`elicit.ts`).
 */
export type Answer = Readonly<Record<string, unknown>> | Content | Relayed

interface Listed {
  /** At most 64 of `[a-zA-Z0-9_-]`. */
  readonly name: string
  readonly title: string
  readonly description: string
  /** What a caller needs beside `mcp.tools.call`, with its sentence for the consent page. */
  readonly scope: Scope
  /** MCP's hints for clients, all four of them: what is left out is assumed to be the worst. */
  readonly annotations: {
    readonly readOnlyHint: boolean
    readonly destructiveHint: boolean
    readonly idempotentHint: boolean
    readonly openWorldHint: boolean
  }
  readonly app?: App
  /** Of another server's tool: how all of that server's are told to a model in a few words. */
  readonly server?: string
  /** Of another server's tool: the card that it has there (SEP-1865, `_meta.ui`). */
  readonly ui?: Readonly<Record<string, unknown>>
  /** JSON Schema 2020-12. */
  readonly inputSchema: JsonSchema
  /** Where it answers a value. */
  readonly outputSchema: JsonSchema | undefined
}

/** A tool as the MCP server lists and calls it. */
export interface Tool extends Listed {
  readonly call: (args: unknown, caller: Caller, carrier: Carrier) => Effect.Effect<Answer, Failure>
}

/** A tool that is not yet anywhere. `R` is what its calls need. */
export interface Declared<R = never> extends Listed {
  readonly card?: Card
  /** That it wants a thread of its own, and how much memory that may have. */
  readonly isolate: { readonly memoryMb: number } | undefined
  /** For how long it may work, in milliseconds. */
  readonly timeoutMs: number
  /** What its author might want to know. */
  readonly notes: ReadonlyArray<string>
  readonly start: (args: unknown, caller: Caller, carrier: Carrier, host: Host) => Effect.Effect<Answer, Failure, R>
}

// As `Exit.isExit`, which does not say of what.
const isExit = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Effect.Effect<A, E, R> & Exit.Exit<A, E> =>
  Exit.isExit(effect)

const listedOf = <R>({
  name,
  title,
  description,
  scope,
  annotations,
  app,
  inputSchema,
  outputSchema
}: Declared<R>) => ({
  name,
  title,
  description,
  scope,
  annotations,
  inputSchema,
  outputSchema,
  ...(app && { app })
})

/** A tool in its place, that needs no services: they would be copied into every call's. */
export const place = (declared: Declared, host: Host): Tool => ({
  ...listedOf(declared),
  call: (args, caller, carrier) => declared.start(args, caller, carrier, host)
})

/** A tool in its place, with the services that its calls need. */
export const bind = <R>(declared: Declared<R>, host: Host): Effect.Effect<Tool, never, R> => {
  const listed = listedOf(declared)
  return Effect.map(Effect.context<R>(), (context) => ({
    ...listed,
    call: (args, caller, carrier) => {
      const answer = declared.start(args, caller, carrier, host)
      // What is answered at once needs none, and providing them costs more than it took.
      return isExit(answer) ? answer : Effect.provideContext(answer, context)
    }
  }))
}
