/**
 * Schemas of mounts, told as clients of all kinds read them: one object at the root, nothing that is defined elsewhere (OpenAI
 * and Anthropic refuse the whole list for one that is not; some clients drop references).
 */

import { isRecord, type JsonSchema, plainSchema, problemsOf } from "../../toolsets/jsonSchema.ts"

export interface Repaired {
  readonly schema: JsonSchema
  readonly repairs: ReadonlyArray<string>
}

const UNIONS = ["anyOf", "oneOf", "allOf"] as const

const requiredOf = ({ required }: JsonSchema): ReadonlyArray<string> =>
  Array.isArray(required) ? required.filter((name): name is string => typeof name === "string") : []

const propertiesOf = ({ properties }: JsonSchema): JsonSchema => (isRecord(properties) ? properties : {})

/** What may stand for a member that alternatives describe in different ways. */
const eitherOf = (schemas: ReadonlyArray<unknown>): unknown => {
  const different = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()]
  return different.length === 1 ? different[0] : { anyOf: different }
}

/** Alternatives at the root as one object: all of their members may be there, and what all of them demand has to be. */
const flattened = (schema: JsonSchema): Repaired => {
  const found = UNIONS.filter((name) => Array.isArray(schema[name]))
  if (found.length === 0) return { schema, repairs: [] }
  const { anyOf: _anyOf, oneOf: _oneOf, allOf: _allOf, ...rest } = schema
  const members = new Map<string, Array<unknown>>(
    Object.entries(propertiesOf(rest)).map(([name, one]) => [name, [one]])
  )
  const required = new Set(requiredOf(rest))
  const alternatives: Array<string> = []
  for (const union of found) {
    const branches = (Array.isArray(schema[union]) ? schema[union] : [])
      .filter(isRecord)
      .map((one) => flattened(one).schema)
    for (const branch of branches) {
      for (const [name, one] of Object.entries(propertiesOf(branch)))
        members.set(name, [...(members.get(name) ?? []), one])
    }
    const demands = branches.map(requiredOf)
    const common =
      union === "allOf"
        ? demands.flat()
        : (demands[0] ?? []).filter((name) => demands.every((all) => all.includes(name)))
    for (const name of common) required.add(name)
    if (union !== "allOf") {
      alternatives.push(...demands.filter((all) => all.length > 0).map((all) => all.join(" and ")))
    }
  }
  const said = [...new Set(alternatives)]
  const choice = said.length > 1 ? `Give either ${said.join(", or ")}.` : ""
  const description = [typeof rest.description === "string" ? rest.description : "", choice]
    .filter((part) => part !== "")
    .join(" ")
  return {
    schema: {
      ...rest,
      type: "object",
      properties: Object.fromEntries(Array.from(members, ([name, schemas]) => [name, eitherOf(schemas)])),
      ...(required.size > 0 && { required: [...required] }),
      ...(description !== "" && { description })
    },
    repairs: [
      `alternatives (${found.join(", ")}) at the root of its arguments are told as one object${choice === "" ? "" : `: ${choice}`}`
    ]
  }
}

const holdsReferences = (schema: JsonSchema) => /"\$(ref|defs)"|"definitions"/.test(JSON.stringify(schema))

/** The schema of arguments as clients take it. Throws where nothing can be made of it. */
export const repairedInput = (given: unknown): Repaired => {
  if (given === undefined || given === null) {
    return { schema: { type: "object", properties: {} }, repairs: ["it says nothing of its arguments: told as none"] }
  }
  if (!isRecord(given)) throw new Error("the schema of its arguments is no object")
  const inlined = plainSchema(given)
  const { schema, repairs } = flattened(inlined)
  const { not: _not, enum: _enum, if: _if, then: _then, else: _else, ...plain } = schema
  const conditions = ["not", "enum", "if"].filter((name) => name in schema)
  const typed = plain.type === "object" ? plain : { ...plain, type: "object" }
  const isOther = plain.type !== undefined && plain.type !== "object"
  if (isOther && !(Array.isArray(plain.type) && plain.type.includes("object")))
    throw new Error(`its arguments are no object but ${JSON.stringify(plain.type)}`)
  const problems = problemsOf(typed, "input")
  if (problems.length > 0) throw new Error(problems.join("; "))
  return {
    schema: typed,
    repairs: [
      ...(holdsReferences(given)
        ? ["references within the schema of its arguments are replaced by what they refer to"]
        : []),
      ...repairs,
      ...(conditions.length > 0
        ? [`conditions (${conditions.join(", ")}) at the root of its arguments are left out`]
        : []),
      ...(plain.type === "object" ? [] : ['"type": "object" is added to its arguments'])
    ]
  }
}

/** The schema of results, where clients take it. */
export const repairedOutput = (
  given: unknown
): { readonly schema: JsonSchema | undefined; readonly repairs: ReadonlyArray<string> } => {
  if (given === undefined || given === null) return { schema: undefined, repairs: [] }
  const schema = isRecord(given) ? plainSchema(given) : undefined
  if (schema === undefined || problemsOf(schema, "output").length > 0) {
    return { schema: undefined, repairs: ["the schema of its results is left out: it is no plain object at its root"] }
  }
  return {
    schema,
    repairs:
      isRecord(given) && holdsReferences(given)
        ? ["references within the schema of its results are replaced by what they refer to"]
        : []
  }
}
