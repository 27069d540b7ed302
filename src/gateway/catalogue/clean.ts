/** What a mount says of itself, made fit to be listed: without what nobody sees, of a bounded size, in a shape that clients take. */

import { Result } from "effect"
import { isRecord, type JsonSchema } from "../../toolsets/jsonSchema.ts"
import { cut, oneLine, plainLines, visible } from "../../toolsets/untrusted.ts"
import { canonical, digestOf } from "./canonical.ts"
import type { Definition, Kind } from "./definition.ts"
import { repairedInput, repairedOutput } from "./repair.ts"

/** OpenAI reads 1,024 characters of it; whatever is longer hides something. */
const MOST_DESCRIPTION = 4096
const MOST_TITLE = 120
const MOST_NAME = 256
const MOST_URI = 2048
const MOST_SCHEMA = 64 * 1024
const MOST_DEPTH = 32
/** Of one thing as a whole, in characters of JSON: before any work is done on it. */
const MOST_RAW = 256 * 1024
const MOST_ARGUMENTS = 50

type Members = Readonly<Record<string, unknown>>

/** What was done, said once each. */
class Notes {
  readonly #said = new Set<string>()
  add(...repairs: ReadonlyArray<string>) {
    for (const repair of repairs) this.#said.add(repair)
  }
  get all(): ReadonlyArray<string> {
    return [...this.#said]
  }
}

const HIDDEN = "characters that nobody sees are taken out"

const seenOnly = (text: string, notes: Notes) => {
  const seen = visible(text).toWellFormed()
  if (seen !== text.toWellFormed()) notes.add(HIDDEN)
  return seen
}

const lineOf = (value: unknown, most: number, notes: Notes) => {
  if (typeof value !== "string") return undefined
  const line = oneLine(seenOnly(cut(value, most * 8), notes), most)
  return line === "" ? undefined : line
}

const linesOf = (value: unknown, most: number, notes: Notes) => {
  if (typeof value !== "string") return undefined
  const { text, isCut } = plainLines(seenOnly(cut(value, most * 2), notes), most)
  if (isCut || value.length > most * 2) notes.add(`its description is cut at ${most} characters`)
  return text === "" ? undefined : text
}

/** All texts and names within a value, cleaned. Throws what is too deep. */
const cleaned = (value: unknown, notes: Notes, depth = 0): unknown => {
  if (depth > MOST_DEPTH) throw new Error(`a schema is nested deeper than ${MOST_DEPTH}`)
  if (typeof value === "string") return seenOnly(value, notes)
  if (Array.isArray(value)) return value.map((one) => cleaned(one, notes, depth + 1))
  if (!isRecord(value)) return value
  const members = new Map<string, unknown>()
  for (const [name, one] of Object.entries(value)) {
    const seen = seenOnly(name, notes)
    if (members.has(seen)) throw new Error("two names in a schema differ only by what nobody sees")
    if (/[\n\t]/.test(seen)) throw new Error("a name in a schema has more than one line")
    members.set(seen, cleaned(one, notes, depth + 1))
  }
  return Object.fromEntries(members)
}

const schemaOf = (given: unknown, notes: Notes): unknown => {
  if (given === undefined || given === null) return undefined
  return ofSize(cleaned(given, notes))
}

const ofSize = <A>(schema: A): A => {
  if (schema !== undefined && JSON.stringify(schema).length > MOST_SCHEMA) {
    throw new Error(`a schema is larger than ${MOST_SCHEMA / 1024} KB`)
  }
  return schema
}

/** MCP's hints as the mount gives them; what it does not say is the worst case (MCP, "ToolAnnotations"). */
const annotationsOf = (given: unknown, notes: Notes) => {
  const hints = isRecord(given) ? given : {}
  const flag = (name: string, worst: boolean) => {
    const value = hints[name]
    if (typeof value === "boolean") return value
    notes.add("hints that it does not give are told as the worst case: apps ask people before each call")
    return worst
  }
  const readOnlyHint = flag("readOnlyHint", false)
  const destructive = hints.destructiveHint
  return {
    readOnlyHint,
    destructiveHint: typeof destructive === "boolean" ? destructive : !readOnlyHint,
    idempotentHint: hints.idempotentHint === true,
    openWorldHint: flag("openWorldHint", true)
  }
}

/** The card that goes with a tool (SEP-1865), whichever of the two spellings it has. */
const uiOf = (meta: unknown, notes: Notes): JsonSchema | undefined => {
  if (!isRecord(meta)) return undefined
  const ui = isRecord(meta.ui) ? meta.ui : {}
  const uri = ui.resourceUri ?? meta["ui/resourceUri"]
  if (typeof uri !== "string" || !uri.startsWith("ui://") || uri.length > MOST_URI) return undefined
  const visibility = Array.isArray(ui.visibility)
    ? ui.visibility.filter((one) => one === "model" || one === "app")
    : undefined
  return { resourceUri: seenOnly(uri, notes), ...(visibility && { visibility }) }
}

const toolOf = (raw: Members, name: string, notes: Notes): Pick<Definition, "listing" | "original"> => {
  const annotations = isRecord(raw.annotations) ? raw.annotations : {}
  const title =
    lineOf(raw.title, MOST_TITLE, notes) ?? lineOf(annotations.title, MOST_TITLE, notes) ?? oneLine(name, MOST_TITLE)
  const description = linesOf(raw.description, MOST_DESCRIPTION, notes)
  if (description === undefined) notes.add("it has no description: its title stands in for it")
  const original = schemaOf(raw.inputSchema, notes)
  const input = repairedInput(original)
  const output = repairedOutput(schemaOf(raw.outputSchema, notes))
  notes.add(...input.repairs, ...output.repairs)
  const ui = uiOf(raw._meta, notes)
  return {
    listing: {
      name,
      title,
      description: description ?? title,
      annotations: annotationsOf(raw.annotations, notes),
      // What is referred to stands there as often as it is.
      inputSchema: ofSize(input.schema),
      ...(output.schema && { outputSchema: ofSize(output.schema) }),
      ...(ui && { ui })
    },
    // What it takes is for its own schema to say.
    ...(isRecord(original) && canonical(original) !== canonical(input.schema) && { original })
  }
}

const promptOf = (raw: Members, name: string, notes: Notes): Members => {
  const title = lineOf(raw.title, MOST_TITLE, notes)
  const description = linesOf(raw.description, MOST_DESCRIPTION, notes)
  const taken = (Array.isArray(raw.arguments) ? raw.arguments : []).filter(isRecord).slice(0, MOST_ARGUMENTS)
  return {
    name,
    ...(title && { title }),
    ...(description && { description }),
    arguments: taken.flatMap((one) => {
      const name = lineOf(one.name, MOST_NAME, notes)
      const description = linesOf(one.description, MOST_DESCRIPTION, notes)
      return name === undefined ? [] : [{ name, ...(description && { description }), required: one.required === true }]
    })
  }
}

const resourceOf = (raw: Members, address: "uri" | "uriTemplate", uri: string, notes: Notes): Members => {
  const title = lineOf(raw.title, MOST_TITLE, notes)
  const description = linesOf(raw.description, MOST_DESCRIPTION, notes)
  const mimeType = lineOf(raw.mimeType, MOST_NAME, notes)
  return {
    [address]: uri,
    name: lineOf(raw.name, MOST_NAME, notes) ?? title ?? uri,
    ...(title && { title }),
    ...(description && { description }),
    ...(mimeType && { mimeType }),
    ...(typeof raw.size === "number" && { size: raw.size })
  }
}

/** By what its kind goes by: a name that has to be sent back as it is, so that one that is not plain cannot be offered. */
const keyOf = (kind: Kind, raw: Members): string | undefined => {
  const key = kind === "resource" ? raw.uri : kind === "template" ? raw.uriTemplate : raw.name
  const most = kind === "resource" || kind === "template" ? MOST_URI : MOST_NAME
  return typeof key === "string" && key !== "" && key.length <= most && visible(key) === key && !/[\r\n]/.test(key)
    ? key
    : undefined
}

/** What of a thing can mean something: icons and the like come and go. */
const meaningOf = ({ icons: _icons, _meta, ...rest }: Members): unknown => ({
  ...rest,
  ui: isRecord(_meta) ? [_meta.ui, _meta["ui/resourceUri"]] : null
})

const listingOf = (kind: Kind, raw: Members, name: string, notes: Notes): Pick<Definition, "listing" | "original"> => {
  switch (kind) {
    case "tool":
      return toolOf(raw, name, notes)
    case "prompt":
      return { listing: promptOf(raw, name, notes) }
    case "resource":
      return { listing: resourceOf(raw, "uri", name, notes) }
    case "template":
      return { listing: resourceOf(raw, "uriTemplate", name, notes) }
    case "instructions":
      return { listing: { name, text: linesOf(raw.text, MOST_DESCRIPTION, notes) ?? "" } }
  }
}

/** One thing that a mount said it has; nothing where it says no name by which it could be asked for. */
export const definitionOf = (
  kind: Kind,
  raw: unknown
): { readonly name: string; readonly definition: Definition } | undefined => {
  const name = isRecord(raw) ? keyOf(kind, raw) : undefined
  if (!isRecord(raw) || name === undefined) return undefined
  const size = Result.getOrElse(
    Result.try(() => JSON.stringify(raw).length),
    () => Number.POSITIVE_INFINITY
  )
  if (size > MOST_RAW) {
    const problem = `it is larger than ${MOST_RAW / 1024} KB`
    return { name, definition: { listing: { name }, digest: digestOf(problem), repairs: [], problem } }
  }
  const notes = new Notes()
  const digest = digestOf(meaningOf(raw))
  const made = Result.try(() => listingOf(kind, raw, name, notes))
  return Result.isSuccess(made)
    ? { name, definition: { ...made.success, digest, repairs: notes.all } }
    : {
        name,
        definition: {
          listing: { name },
          digest,
          repairs: notes.all,
          problem: made.failure instanceof Error ? made.failure.message : "it cannot be read"
        }
      }
}
