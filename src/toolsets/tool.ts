/** What a tool is: its two schemas, told to clients as JSON Schema, and a call that never trusts its arguments. */

import { Effect, Exit, Result, Schema, SchemaIssue } from "effect"
import type { OutboundFailed } from "../net/outbound.ts"
import type { Scope } from "../oauth/scope.ts"
import { leniencyOf } from "./arguments.ts"

/** Why a tool has no answer. The message is for the model and its user: never a key, a URL with one, or a stack. */
export class ToolFailure extends Schema.TaggedError<ToolFailure>()("ToolFailure", { message: Schema.String }) {}

/** Whatever may keep a tool from answering: the message is told. */
export type Failure = ToolFailure | OutboundFailed

/** What is known of a person: of the demo person, and of one who is gone, nothing. */
export interface CallingPerson {
  readonly name: string | undefined
  /** An address that somebody who knows has vouched for; of any other nothing is told. */
  readonly email: string | undefined
}

/**
 * Who calls a tool, for a handler that wants to know. It is handed over and stands in no context: nothing of it gets to
 * anybody unless the tool sends it there.
 */
export interface Caller {
  /** The person's id, which never changes and is never given to another: `sub` of their tokens. */
  readonly subject: string
  /** The client that calls for them. */
  readonly clientId: string
  /** What was granted to it: the scope of the tool is among them. */
  readonly scopes: ReadonlyArray<string>
  /** Asked of the database when it is run, and not before. */
  readonly person: Effect.Effect<CallingPerson, ToolFailure>
}

/** A card that a client may show with a tool's result: an MCP App (SEP-1865), in HTML that fetches nothing. */
export interface App {
  /** `ui://…` */
  readonly uri: string
  readonly title: string
  readonly html: string
}

/** A tool as the MCP server lists and calls it. `R` is what its calls need. */
export interface Tool<R = never> {
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
  /** JSON Schema 2020-12. */
  readonly inputSchema: Record<string, unknown>
  readonly outputSchema: Record<string, unknown>
  /** Structured content that satisfies `outputSchema`, or a failure to be read. */
  readonly call: (args: unknown, caller: Caller) => Effect.Effect<Record<string, unknown>, Failure, R>
}

/**
 * A tool from its schemas. Arguments are decoded before `handler` sees them, its result is encoded after. Those that are
 * plainly meant are taken too, though the published schema has another spelling for them (`arguments.ts`). A handler that
 * wants to know who calls takes the `caller`.
 */
export const make = <I, O, OE extends Record<string, unknown>, R = never>(
  tool: Omit<Tool<R>, "inputSchema" | "outputSchema" | "call"> & {
    readonly input: Schema.ConstraintCodec<I, unknown>
    readonly output: Schema.ConstraintCodec<O, OE>
    readonly handler: (input: I, caller: Caller) => Effect.Effect<O, Failure, R>
  }
): Tool<R> => {
  const { input, output, handler, ...description } = tool
  const inputSchema = jsonSchemaOf(input)
  // Members that the schema does not know are judged by name, below.
  const decode = Schema.decodeUnknownResult(input, { errors: "all" })
  const { problems, repaired } = leniencyOf(inputSchema)
  const encode = Schema.encodeResult(output)
  // A result that its own schema refuses is our mistake, not the caller's.
  const encoded = (result: O) => {
    const content = encode(result)
    return Result.isFailure(content) ? Effect.die(content.failure) : Effect.succeed(content.success)
  }
  return {
    ...description,
    inputSchema,
    outputSchema: jsonSchemaOf(output),
    // Without a span or a fiber's steps, unless the handler takes some: they cost more than most calls do.
    call: (args, caller) => {
      const given = args ?? {}
      const wrong = problems(given)
      const strict = decode(given)
      const decoded = Result.isSuccess(strict) ? strict : decode(repaired(given))
      if (Result.isSuccess(decoded) && wrong.length === 0) {
        return Effect.flatMapEager(handler(decoded.success, caller), encoded)
      }
      return Effect.fail(refusal([...wrong, ...(Result.isFailure(decoded) ? problemsOf(decoded.failure.issue) : [])]))
    }
  }
}

// As `Exit.isExit`, which does not say of what.
const isExit = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Effect.Effect<A, E, R> & Exit.Exit<A, E> =>
  Exit.isExit(effect)

/** A tool that brings along the services that its calls need. */
export const bind = <R>(tool: Tool<R>): Effect.Effect<Tool, never, R> =>
  Effect.map(Effect.context<R>(), (context) => ({
    ...tool,
    call: (args, caller) => {
      const answer = tool.call(args, caller)
      // What is answered at once needs none, and providing them costs more than it took.
      return isExit(answer) ? answer : Effect.provideContext(answer, context)
    }
  }))

const jsonSchemaOf = (schema: Schema.Constraint): Record<string, unknown> =>
  Schema.toJsonSchemaDocument(schema, { onExcessProperty: "error" }).schema

/** How many problems one message tells. */
const MAX_PROBLEMS = 3

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => (issue._tag === "MissingKey" ? "Is required" : SchemaIssue.defaultLeafHook(issue))
})

const problemsOf = (issue: SchemaIssue.Issue) =>
  format(issue).issues.map(({ path = [], message }) => {
    const [name] = path
    if (name === undefined) return message
    return `${JSON.stringify(String(name))}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`
  })

const refusal = (problems: ReadonlyArray<string>) => {
  const more = problems.length > MAX_PROBLEMS ? `; and ${problems.length - MAX_PROBLEMS} more` : ""
  return new ToolFailure({
    message: `The arguments are not valid: ${problems.slice(0, MAX_PROBLEMS).join("; ")}${more}.`
  })
}
