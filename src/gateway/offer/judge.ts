/**
 * Values held against a JSON Schema that somebody else wrote. Interpreted, where compiling one of 40 KB stops the server for a third of
 * a second; it comes along with the SDK.
 */

import { CfWorkerJsonSchemaValidator } from "@modelcontextprotocol/client/validators/cf-worker"
import { Result } from "effect"
import { isRecord, type JsonSchema, plainSchema } from "../../toolsets/jsonSchema.ts"

const validator = new CfWorkerJsonSchemaValidator({ shortcircuit: true })

/** A stranger's regular expression may take forever, and what the upstream takes is for itself to say. */
const UNREAD = new Set(["pattern", "patternProperties", "propertyNames", "format", "uniqueItems"])
/** Their members are names, of which one may be called `pattern`. */
const MAPS = new Set(["properties", "dependentSchemas", "$defs", "definitions"])

const readable = (value: unknown, areNames = false): unknown => {
  if (Array.isArray(value)) return value.map((item) => readable(item))
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => areNames || !UNREAD.has(name))
      .map(([name, member]) => [name, readable(member, !areNames && MAPS.has(name))])
  )
}

/** How many parts of a schema may meet how many of a value: some milliseconds. */
const MOST_MEETINGS = 100_000

/** How many values stand within one, or more than `most`. */
const sizeOf = (value: unknown, most: number): number => {
  if (typeof value !== "object" || value === null) return 1
  let size = 1
  for (const member of Object.values(value)) {
    size += sizeOf(member, most - size)
    if (size > most) break
  }
  return size
}

/** The validator's words without its own way of saying where. */
const plainly = (message: string) =>
  message
    .split("; ")
    // The innermost comes last.
    .at(-1)
    ?.replace(/^#\/?(\S*): (?:Instance )?/, (_, path: string) => (path === "" ? "" : `${JSON.stringify(path)} `))
    .replace(/False boolean schema\.$/, "is not known")
    .replace(/\.$/, "")

/** What is wrong with a value, in words; nothing where the schema takes it, cannot be read, or would take too long to. */
export const judgeOf = (schema: JsonSchema): ((value: unknown) => string | undefined) => {
  // Without references: they multiply what there is to do.
  const plain = Result.try(() => readable(plainSchema(schema)) as JsonSchema)
  const made = Result.flatMap(plain, (plain) => Result.try(() => validator.getValidator<unknown>(plain)))
  if (Result.isFailure(plain) || Result.isFailure(made)) return () => undefined
  const most = MOST_MEETINGS / sizeOf(plain.success, MOST_MEETINGS)
  return (value) => {
    if (sizeOf(value, most) > most) return undefined
    const result = Result.try(() => made.success(value))
    return Result.isSuccess(result) && !result.success.valid ? plainly(result.success.errorMessage) : undefined
  }
}
