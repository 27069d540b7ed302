/** JSON Schemas as clients of all kinds read them: one object at the root, nothing that is defined elsewhere. */

export type JsonSchema = Readonly<Record<string, unknown>>

export const isRecord = (value: unknown): value is JsonSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** How often a definition may stand within itself before it is cut. */
const MAX_DEPTH = 3
/** Definitions that stand within each other multiply. */
const MAX_INLINED = 1000

/** Their members are names and schemas, of which one may be called `definitions`. */
const MAPS = new Set(["properties", "patternProperties", "dependentSchemas"])
/** Values, and no schemas. */
const VALUES = new Set(["const", "enum", "default", "examples"])

/**
 * Without `$schema`, `$defs` and references: many clients drop or misread them, and their model then sends text for an
 * object. What contains itself is cut at a depth, where anything is allowed.
 */
export const plainSchema = (schema: JsonSchema): JsonSchema => {
  let count = 0
  const mapped = (value: JsonSchema, of: (name: string, member: unknown) => unknown) =>
    Object.fromEntries(Object.entries(value).map(([name, member]) => [name, of(name, member)]))
  const member = (name: string, value: unknown, within: ReadonlyArray<string>): unknown => {
    if (VALUES.has(name)) return value
    return MAPS.has(name) && isRecord(value) ? mapped(value, (_, one) => inlined(one, within)) : inlined(value, within)
  }
  const inlined = (value: unknown, within: ReadonlyArray<string>): unknown => {
    if (Array.isArray(value)) return value.map((item) => inlined(item, within))
    if (!isRecord(value)) return value
    const { $ref, $schema: _schema, $defs: _defs, definitions: _definitions, ...rest } = value
    const members = mapped(rest, (name, one) => member(name, one, within))
    if (typeof $ref !== "string") return members
    const target = at(schema, $ref)
    if (target === undefined || within.filter((ref) => ref === $ref).length >= MAX_DEPTH) return members
    if (++count > MAX_INLINED) throw new Error("the schema's definitions refer to each other too often")
    return { ...Object(inlined(target, [...within, $ref])), ...members }
  }
  // The root is an object, so what is made of it is one.
  return inlined(schema, []) as JsonSchema
}

/** What a local reference points to (RFC 6901). */
const at = (root: JsonSchema, ref: string): unknown => {
  if (ref === "#") return root
  if (!ref.startsWith("#/")) return undefined
  let value: unknown = root
  for (const step of ref.slice(2).split("/")) {
    const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")
    value = isRecord(value) || Array.isArray(value) ? Reflect.get(value, name) : undefined
  }
  return value
}

const ROOT_UNIONS = ["anyOf", "oneOf", "allOf", "not", "enum", "if"] as const

/**
 * Why hosts would refuse a schema, or lose the tool: OpenAI and Anthropic want an object at the root and no alternatives
 * beside it, clients of the first SDK an object in results too.
 */
export const problemsOf = (schema: JsonSchema, what: "input" | "output"): ReadonlyArray<string> => {
  const unions = ROOT_UNIONS.filter((name) => name in schema)
  return [
    ...(schema.type === "object" ? [] : [`the ${what} schema is not an object at its root`]),
    ...unions.map((name) => `the ${what} schema has "${name}" at its root: put the alternatives into a member`)
  ]
}
