/**
 * Arguments as models and programs write them: `"5"` for 5, `Imperial` for imperial, null for what is left out, members
 * that a program added on the way. Made once for a tool, from the JSON Schema that it publishes and that stays as strict
 * as it is.
 */

import { isRecord, type JsonSchema } from "./jsonSchema.ts"

/** How a tool reads arguments that its schema does not take as they are. */
export interface Leniency {
  /** What is wrong with the members that the schema does not know: a known name misspelt, or far too many. */
  readonly problems: (args: unknown) => ReadonlyArray<string>
  /** The known members alone, each as the schema takes it where there is one reading. */
  readonly repaired: (args: unknown) => unknown
}

/** Arguments are well most of the time, and then nothing is made for them. */
const NONE: ReadonlyArray<string> = []

/** More members than this no program adds, and no more are looked at. */
const MAX_MORE = 64
/** A longer name is none of ours misspelt, and a longer text no number. */
const MAX_LENGTH = 40

/** What a tool with this JSON Schema does for those who call it. */
export const leniencyOf = (schema: JsonSchema): Leniency => {
  const names = Object.keys(propertiesOf(schema))
  const known = new Set(names)
  // A library that says nothing of further members drops them.
  const isClosed = schema.additionalProperties === false || schema.additionalProperties === undefined
  return {
    repaired: repairOf(schema),
    problems: (args) => {
      if (!isClosed || !isRecord(args)) return NONE
      let problems = NONE
      let more = 0
      for (const name in args) {
        if (known.has(name)) continue
        if (++more > MAX_MORE)
          return [`there are more than ${MAX_MORE} unknown members (known are ${names.join(", ")})`]
        const meant = names.find((one) => isMisspelt(name, one))
        if (meant === undefined) continue
        problems = [...problems, `${JSON.stringify(name)} is unknown (is ${JSON.stringify(meant)} meant?)`]
      }
      return problems
    }
  }
}

const propertiesOf = ({ properties }: JsonSchema): JsonSchema => (isRecord(properties) ? properties : {})

// --- values ----------------------------------------------------------------------------------------------------------

type Repair = (value: unknown) => unknown

const asItIs: Repair = (value) => value

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["false", false]
])

const fromText =
  (read: (text: string) => unknown): Repair =>
  (value) => {
    if (typeof value !== "string" || value.length > MAX_LENGTH) return value
    return read(value.trim()) ?? value
  }

/** What the schema asks for, out of what was given; whatever has no one reading is left to be refused. */
const repairOf = (schema: unknown): Repair => {
  if (!isRecord(schema)) return asItIs
  const { type, anyOf, items, properties } = schema
  if (Array.isArray(schema.enum)) return oneOf(schema.enum)
  if (Array.isArray(anyOf)) return either(anyOf)
  if (type === "number" || type === "integer") return fromText((text) => (NUMBER.test(text) ? Number(text) : undefined))
  if (type === "boolean") return fromText((text) => BOOLEANS.get(text.toLowerCase()))
  if (type === "array") {
    const repair = repairOf(items)
    return (value) => (Array.isArray(value) ? value.map(repair) : value)
  }
  return type === "object" && isRecord(properties) ? members(schema) : asItIs
}

const oneOf = (values: ReadonlyArray<unknown>): Repair =>
  fromText((text) => values.find((one) => String(one).toLowerCase() === text.toLowerCase()))

/** Text stays text where any text will do. */
const either = (schemas: ReadonlyArray<unknown>): Repair => {
  const takesText = schemas.some((one) => isRecord(one) && one.type === "string" && !Array.isArray(one.enum))
  const repairs = takesText ? [] : schemas.map(repairOf)
  return (value) => {
    for (const repair of repairs) {
      const repaired = repair(value)
      if (repaired !== value) return repaired
    }
    return value
  }
}

const allowsNull = (schema: unknown): boolean =>
  isRecord(schema) && (schema.type === "null" || (Array.isArray(schema.anyOf) && schema.anyOf.some(allowsNull)))

/** A closed object comes out with its schema's members only, and a caller's `__proto__` is never written. */
const members = (schema: JsonSchema): Repair => {
  const required: ReadonlyArray<unknown> = Array.isArray(schema.required) ? schema.required : []
  const known = Object.entries(propertiesOf(schema)).map(([name, member]) => ({
    name,
    repair: repairOf(member),
    dropsNull: !required.includes(name) && !allowsNull(member)
  }))
  const names = new Set(known.map(({ name }) => name))
  const isClosed = schema.additionalProperties === false
  return (value) => {
    if (!isRecord(value)) return value
    const others = isClosed ? [] : Object.entries(value).filter(([name]) => !names.has(name) && name !== "__proto__")
    return Object.fromEntries(
      others.concat(
        known.flatMap(({ name, repair, dropsNull }) =>
          Object.hasOwn(value, name) && !(dropsNull && value[name] === null) ? [[name, repair(value[name])]] : []
        )
      )
    )
  }
}

// --- names -----------------------------------------------------------------------------------------------------------

/** Case and separators are no difference: `Location`, `pageSize` and `page_size`. */
const plain = (name: string) => name.toLowerCase().replaceAll(/[_\s-]/g, "")

/** How many slips make a name another one: none in two letters, two in long ones. */
const slipsOf = (name: string) => (name.length < 3 ? 0 : name.length < 6 ? 1 : 2)

/** What begins with `_` is a program's own, such as `_meta`, and no slip. */
const isMisspelt = (name: string, known: string) => {
  if (name.startsWith("_") || name.length > MAX_LENGTH) return false
  const [one, other] = [plain(name), plain(known)]
  const slips = slipsOf(other)
  return Math.abs(one.length - other.length) <= slips && distance(one, other) <= slips
}

/** Optimal string alignment: letters added, lost, exchanged, or two of them swapped. */
const distance = (one: string, other: string) => {
  let [before, row]: [ReadonlyArray<number>, ReadonlyArray<number>] = [
    [],
    Array.from({ length: other.length + 1 }, (_, i) => i)
  ]
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const exchange = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      const swap = swapped ? (before[j - 2] ?? 0) + 1 : exchange
      next.push(Math.min(exchange, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    ;[before, row] = [row, next]
  }
  return row[other.length] ?? 0
}
