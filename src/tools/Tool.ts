/** What a tool is: schemas, hints and a handler. Its schemas become the JSON Schema that clients see, once, at start. */

import { Effect, Schema, SchemaIssue } from "effect"

/** Why a tool has no result: a sentence for the model and the person, never a key, a URL or a stack. */
export class ToolFailure extends Schema.TaggedError<ToolFailure>()("ToolFailure", { message: Schema.String }) {}

/** MCP schema, ToolAnnotations: all four are said, since their defaults are the cautious ones. */
export interface ToolAnnotations {
  readonly readOnlyHint: boolean
  readonly destructiveHint: boolean
  readonly idempotentHint: boolean
  readonly openWorldHint: boolean
}

/** A JSON Schema (2020-12) of type object. */
export type ObjectSchema = Readonly<Record<string, unknown>>

export interface Tool<R> {
  readonly name: string
  readonly title: string
  readonly description: string
  /** The scope that a caller needs. */
  readonly scope: string
  readonly annotations: ToolAnnotations
  readonly inputSchema: ObjectSchema
  readonly outputSchema: ObjectSchema
  /** Checks the arguments, runs, and answers JSON that fits `outputSchema`. */
  readonly call: (args: unknown) => Effect.Effect<Readonly<Record<string, unknown>>, ToolFailure, R>
}

type Fields = Schema.Struct.Fields
type Plain<F extends Fields> = Schema.Struct<F> & { readonly DecodingServices: never; readonly EncodingServices: never }

/** Makes a tool from Effect schemas. */
export const make = <I extends Fields, O extends Fields, R>(
  spec: Omit<Tool<R>, "inputSchema" | "outputSchema" | "call"> & {
    readonly input: Plain<I>
    readonly output: Plain<O>
    readonly handler: (input: Schema.Struct<I>["Type"]) => Effect.Effect<Schema.Struct<O>["Type"], ToolFailure, R>
  }
): Tool<R> => {
  const { input, output, handler, ...told } = spec
  const decode = Schema.decodeUnknownEffect(input, { errors: "all", onExcessProperty: "error" })
  const encode = Schema.encodeEffect(output)
  return {
    ...told,
    inputSchema: jsonSchemaOf(input),
    outputSchema: jsonSchemaOf(output),
    call: (args) =>
      decode(args ?? {}).pipe(
        Effect.mapError(({ issue }) => new ToolFailure({ message: explain(issue) })),
        Effect.flatMap(handler),
        // What a handler returns is ours, so a misfit is a defect.
        Effect.flatMap((result) => Effect.orDie(encode(result))),
        Effect.map((encoded) => encoded as Readonly<Record<string, unknown>>)
      )
  }
}

const jsonSchemaOf = (schema: Schema.Constraint): ObjectSchema =>
  Schema.toStandardJSONSchemaV1(schema)["~standard"].jsonSchema.input({ target: "draft-2020-12" })

/** Each argument that is wrong, and how. */
const explain = (issue: SchemaIssue.Issue): string =>
  SchemaIssue.makeFormatterStandardSchemaV1()(issue)
    .issues.map(({ path, message }) => {
      const name = path?.map((part) => String(typeof part === "object" ? part.key : part)).join(".")
      return `${name ? `argument ${name}` : "arguments"}: ${message.split("\n")[0]?.slice(0, 200)}`
    })
    .join("; ")
