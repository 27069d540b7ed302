/**
 * What a tool takes and gives, in whatever library it was written: Effect Schema, anything that is a Standard Schema and
 * has a JSON Schema (zod, Valibot, ArkType), or a JSON Schema itself.
 */

import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec"
import { Result, Schema, SchemaIssue } from "effect"
import { type JsonSchema, plainSchema } from "./jsonSchema.ts"
import { validatorOf } from "./validator.ts"

/** A schema as a declaration may have it; all of these say what it is in JSON Schema. */
export type AnySchema = StandardSchemaV1 | Schema.Constraint | JsonSchema

/** What `run` gets of an input. */
export type InputOf<S> = S extends undefined
  ? Readonly<Record<string, never>>
  : S extends StandardSchemaV1
    ? StandardSchemaV1.InferOutput<S>
    : S extends Schema.Constraint
      ? S["Type"]
      : Record<string, unknown>

/** What `run` answers for an output. */
export type OutputOf<S> = S extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<S>
  : S extends Schema.Constraint
    ? S["Type"]
    : Record<string, unknown>

type Read = Result.Result<unknown, ReadonlyArray<string>>

export interface Reading {
  /** JSON Schema 2020-12, without references. */
  readonly jsonSchema: JsonSchema
  /** The value as the schema makes it, or what is wrong with it. At once, unless the schema looks something up. */
  readonly read: (value: unknown) => Read | Promise<Read>
}

/** A schema that cannot be told to clients, and which member of it, if that is known. */
export class SchemaUnusable extends Schema.TaggedError<SchemaUnusable>()("SchemaUnusable", {
  message: Schema.String
}) {}

const isEffect = (schema: AnySchema): schema is Schema.Constraint => Schema.isSchema(schema)
const isStandard = (schema: object): schema is StandardSchemaV1 => "~standard" in schema

const TARGET = { target: "draft-2020-12" } as const

/** How arguments are read. */
export const inputOf = (schema: AnySchema): Reading => readingOf(schema, "input")
/** How a result is written. */
export const outputOf = (schema: AnySchema): Reading => readingOf(schema, "output")

const readingOf = (schema: AnySchema, side: "input" | "output"): Reading => {
  if (isEffect(schema)) return ofEffect(schema, side)
  if (isStandard(schema)) return ofStandard(schema, side)
  return { jsonSchema: plainSchema(schema), read: validatorOf(schema) }
}

// --- Effect Schema ------------------------------------------------------------------------------------------------

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => (issue._tag === "MissingKey" ? "Is required" : SchemaIssue.defaultLeafHook(issue))
})

/** What takes no arguments. */
export const NOTHING: JsonSchema = { type: "object", properties: {}, additionalProperties: false }

/** Effect tells it as "anything but null". */
const isEmpty = (schema: object) => "fields" in schema && Object.keys(Object(schema.fields)).length === 0

const told = (schema: Schema.Constraint) => Schema.toJsonSchemaDocument(schema, { onExcessProperty: "error" }).schema

const ofEffect = (schema: Schema.Constraint, side: "input" | "output"): Reading => {
  // A tool's schemas need no services: the declaration's type says so.
  const codec = schema as Schema.ConstraintCodec<unknown, unknown>
  const step =
    side === "input" ? Schema.decodeUnknownResult(codec, { errors: "all" }) : Schema.encodeUnknownResult(codec)
  return {
    jsonSchema: isEmpty(schema)
      ? NOTHING
      : plainSchema(toldBy(schema, (part) => (Schema.isSchema(part) ? told(part) : {}))),
    read: (value) => Result.mapError(step(value), ({ issue }) => format(issue).issues.map(problemOf))
  }
}

// --- Standard Schema ----------------------------------------------------------------------------------------------

const hasJsonSchema = (schema: StandardSchemaV1): schema is StandardSchemaV1 & StandardJSONSchemaV1 =>
  "jsonSchema" in schema["~standard"]

const ofStandard = (schema: StandardSchemaV1, side: "input" | "output"): Reading => {
  const { vendor, validate } = schema["~standard"]
  if (!hasJsonSchema(schema)) {
    throw new SchemaUnusable({ message: `the ${side} schema gives no JSON Schema: ${HINTS[vendor] ?? HINT}` })
  }
  const judge = (result: StandardSchemaV1.Result<unknown>): Read =>
    result.issues === undefined ? Result.succeed(result.value) : Result.fail(result.issues.map(problemOf))
  return {
    jsonSchema: plainSchema(toldBy(schema, (part) => jsonSchemaOf(part, side))),
    read: (value) => {
      const result = validate(value)
      return result instanceof Promise ? result.then(judge) : judge(result)
    }
  }
}

const HINT = "its library has to implement Standard JSON Schema"
const HINTS: Readonly<Record<string, string>> = {
  zod: "zod 4.2 or later does",
  valibot: "wrap it in toStandardJsonSchema of @valibot/to-json-schema"
}

/** What is put in gives the schema of arguments; what comes out of validation, that of results. */
const jsonSchemaOf = (schema: object, side: "input" | "output"): JsonSchema =>
  isStandard(schema) && hasJsonSchema(schema) ? schema["~standard"].jsonSchema[side](TARGET) : {}

// --- Problems -----------------------------------------------------------------------------------------------------

const problemOf = ({ path = [], message }: StandardSchemaV1.Issue): string => {
  const [first] = path
  if (first === undefined) return message
  const name = String(typeof first === "object" ? first.key : first)
  return `${JSON.stringify(name)}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`
}

/** Where libraries keep the members of an object, and the items of a list. */
const membersOf = (schema: object): ReadonlyArray<readonly [string, object]> =>
  ["shape", "entries", "fields", "element", "item"].flatMap((key): ReadonlyArray<readonly [string, object]> => {
    const value: unknown = Reflect.get(schema, key)
    if (typeof value !== "object" || value === null) return []
    if (key === "element" || key === "item") return [["items", value]]
    return Object.entries(value).filter(([, member]) => typeof member === "object" && member !== null)
  })

/** The innermost member that cannot be told, since libraries say only that something cannot. */
const culprit = (schema: object, tell: (schema: object) => unknown): ReadonlyArray<string> => {
  for (const [name, member] of membersOf(schema)) {
    if (Result.isFailure(Result.try(() => tell(member)))) return [name, ...culprit(member, tell)]
  }
  return []
}

const toldBy = (schema: object, tell: (schema: object) => JsonSchema): JsonSchema => {
  const told = Result.try(() => tell(schema))
  if (Result.isSuccess(told)) return told.success
  const where = culprit(schema, tell)
  const why = told.failure instanceof Error ? told.failure.message : String(told.failure)
  throw new SchemaUnusable({
    message: `${where.length > 0 ? `"${where.join(".")}"` : "the schema"} cannot be told as JSON Schema: ${why}`
  })
}
