/**
 * What a tool takes and gives, in whatever library it was written: Effect Schema, anything that is a Standard Schema and
 * has a JSON Schema (zod, Valibot, ArkType), or a JSON Schema itself.
 */

import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec"
import { Result, Schema, SchemaAST, SchemaIssue } from "effect"
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
  // Which draft it was written for is no matter of ours: whatever the drafts share is read alike.
  const { $schema: _schema, ...own } = schema
  return { jsonSchema: plainSchema(own), read: validatorOf(own) }
}

// --- Effect Schema ------------------------------------------------------------------------------------------------

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => (issue._tag === "MissingKey" ? "Is required" : SchemaIssue.defaultLeafHook(issue))
})

/** What takes no arguments. */
export const NOTHING: JsonSchema = { type: "object", properties: {}, additionalProperties: false }

/** Effect tells it as "anything but null". */
const isEmpty = (schema: object) => "fields" in schema && Object.keys(Object(schema.fields)).length === 0

/** What arrives as itself and never as JSON: Effect would tell the JSON of another codec than the one that reads. */
const NOT_JSON = new Set<SchemaAST.AST["_tag"]>(["Declaration", "BigInt", "Symbol", "UniqueSymbol"])

const notJson = (ast: SchemaAST.AST, seen: Set<SchemaAST.AST>): SchemaAST.AST | undefined => {
  if (seen.has(ast)) return undefined
  seen.add(ast)
  const first = (parts: ReadonlyArray<SchemaAST.AST>) => {
    for (const part of parts) {
      const found = notJson(part, seen)
      if (found !== undefined) return found
    }
    return undefined
  }
  switch (ast._tag) {
    case "Objects":
      return first([...ast.propertySignatures, ...ast.indexSignatures].map(({ type }) => type))
    case "Arrays":
      return first([...ast.elements, ...ast.rest])
    case "Union":
      return first(ast.types)
    case "Suspend":
      return first([ast.thunk()])
    default:
      return NOT_JSON.has(ast._tag) ? ast : undefined
  }
}

const told = (schema: Schema.Constraint) => {
  const foreign = notJson(SchemaAST.toEncoded(schema.ast), new Set())
  if (foreign !== undefined) throw new Error("it is encoded as something that JSON has not")
  return Schema.toJsonSchemaDocument(schema, { onExcessProperty: "error" }).schema
}

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
  isStandard(schema) && hasJsonSchema(schema)
    ? schema["~standard"].jsonSchema[side]({ ...TARGET, ...OPTIONS[schema["~standard"].vendor] })
    : {}

const notTold = () => {
  throw new Error("JSON has no such value")
}
/** ArkType tells "anything" for what it cannot tell, unless it is asked not to. */
const OPTIONS: Readonly<Record<string, object>> = {
  arktype: { libraryOptions: { fallback: { proto: notTold, date: notTold, domain: notTold, symbolKey: notTold } } }
}

// --- Problems -----------------------------------------------------------------------------------------------------

const problemOf = ({ path = [], message }: StandardSchemaV1.Issue): string => {
  const [first] = path
  if (first === undefined) return message
  const name = String(typeof first === "object" ? first.key : first)
  return `${JSON.stringify(name)}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`
}

type Member = readonly [string, object]

/** Zod and Effect have objects, ArkType functions. */
const isSchema = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function"

/** Where libraries keep the members of an object, and the items of a list; some of them throw where there are none. */
const membersOf = (schema: object): ReadonlyArray<Member> =>
  ["shape", "fields", "element", "value", "props"].flatMap((key): ReadonlyArray<Member> => {
    const value = Result.getOrUndefined(Result.try((): unknown => Reflect.get(schema, key)))
    if (!isSchema(value)) return []
    if (key === "element" || key === "value") return [["items", value]]
    const pairs: ReadonlyArray<readonly [unknown, unknown]> = Array.isArray(value)
      ? value.map((prop) => [Reflect.get(Object(prop), "key"), Reflect.get(Object(prop), "value")])
      : Object.entries(value)
    return pairs.flatMap(([name, member]) => (isSchema(member) ? [[String(name), member]] : []))
  })

/** The innermost member that cannot be told, since libraries say only that something cannot. */
const culprit = (
  schema: object,
  tell: (schema: object) => unknown,
  within: ReadonlyArray<object> = []
): ReadonlyArray<string> => {
  for (const [name, member] of membersOf(schema)) {
    if (within.includes(member) || Result.isSuccess(Result.try(() => tell(member)))) continue
    return [name, ...culprit(member, tell, [...within, member])]
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
