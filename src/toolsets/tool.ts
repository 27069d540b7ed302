/** What a tool is: its two schemas, told to clients as JSON Schema, and a call that never trusts its arguments. */

import { Effect, Exit, Result, Schema, SchemaIssue } from "effect"
import type { OutboundFailed } from "../net/outbound.ts"
import type { Scope } from "../oauth/scope.ts"

/** Why a tool has no answer. The message is for the model and its user: never a key, a URL with one, or a stack. */
export class ToolFailure extends Schema.TaggedError<ToolFailure>()("ToolFailure", { message: Schema.String }) {}

/** Whatever may keep a tool from answering: the message is told. */
export type Failure = ToolFailure | OutboundFailed

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
  readonly call: (args: unknown) => Effect.Effect<Record<string, unknown>, Failure, R>
}

/** A tool from its schemas. Arguments are decoded before `handler` sees them, its result is encoded after. */
export const make = <I, O, OE extends Record<string, unknown>, R = never>(
  tool: Omit<Tool<R>, "inputSchema" | "outputSchema" | "call"> & {
    readonly input: Schema.ConstraintCodec<I, unknown>
    readonly output: Schema.ConstraintCodec<O, OE>
    readonly handler: (input: I) => Effect.Effect<O, Failure, R>
  }
): Tool<R> => {
  const { input, output, handler, ...description } = tool
  const inputSchema = jsonSchemaOf(input)
  const decode = Schema.decodeUnknownResult(input, { errors: "all", onExcessProperty: "error" })
  const encode = Schema.encodeResult(output)
  // A result that its own schema refuses is our mistake, not the caller's.
  const encoded = (result: O) => {
    const content = encode(result)
    return Result.isFailure(content) ? Effect.die(content.failure) : Effect.succeed(content.success)
  }
  const names = Object.keys(Object(inputSchema.properties))
  return {
    ...description,
    inputSchema,
    outputSchema: jsonSchemaOf(output),
    // Without a span or a fiber's steps, unless the handler takes some: they cost more than most calls do.
    call: (args) => {
      const decoded = decode(args ?? {})
      return Result.isFailure(decoded)
        ? Effect.fail(refusal(decoded.failure.issue, names))
        : Effect.flatMapEager(handler(decoded.success), encoded)
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
    call: (args) => {
      const answer = tool.call(args)
      // What is answered at once needs none, and providing them costs more than it took.
      return isExit(answer) ? answer : Effect.provideContext(answer, context)
    }
  }))

const jsonSchemaOf = (schema: Schema.Constraint): Record<string, unknown> =>
  Schema.toJsonSchemaDocument(schema, { onExcessProperty: "error" }).schema

/** How many problems one message tells, and how much of a name that the caller made up. */
const MAX_PROBLEMS = 3
const MAX_NAME = 40

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => (issue._tag === "MissingKey" ? "Is required" : SchemaIssue.defaultLeafHook(issue))
})

const refusal = (issue: SchemaIssue.Issue, names: ReadonlyArray<string>) => {
  const { issues } = format(issue)
  const problems = issues.slice(0, MAX_PROBLEMS).map(({ path = [], message }) => {
    const [name] = path
    if (name === undefined) return message
    const quoted = JSON.stringify(String(name).slice(0, MAX_NAME))
    return names.includes(String(name))
      ? `${quoted}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`
      : `${quoted} is unknown (there are ${names.join(", ")})`
  })
  const more = issues.length > MAX_PROBLEMS ? `; and ${issues.length - MAX_PROBLEMS} more` : ""
  return new ToolFailure({ message: `The arguments are not valid: ${problems.join("; ")}${more}.` })
}
