/** What a mount answers, as it is passed on: what a model can read, of a size that a client can take. */

import type { Part } from "../../toolsets/content.ts"
import { isRecord } from "../../toolsets/jsonSchema.ts"
import { cut, visible } from "../../toolsets/untrusted.ts"

type Members = Readonly<Record<string, unknown>>

/** Of all texts of an answer together, in characters: more than a model is ever given. */
const MOST_TEXT = 256 * 1024
/** Of all pictures, sounds and files of an answer together, in bytes. */
const MOST_BYTES = 4 * 1024 * 1024
/** How much of the text that is too long is its beginning; the rest of the room is for its end, where summaries and errors stand. */
const HEAD = 0.6
/** Names, titles and addresses. */
const MOST_WORDS = 4096
const MOST_PARTS = 1000

/** What is left of the room for one answer. */
interface Room {
  text: number
  bytes: number
}

const tail = (text: string, length: number) => text.slice(text.length - length).replace(/^[\udc00-\udfff]/, "")

const shortened = (text: string, room: Room): string => {
  // Before any work is done on it.
  const isLong = text.length > room.text
  const head = Math.floor(room.text * HEAD)
  const kept = isLong
    ? `${visible(cut(text, head))}\n\n[${text.length - room.text} characters are left out here: the answer is too long. Ask for less.]\n\n${visible(tail(text, room.text - head))}`
    : visible(text)
  room.text = Math.max(0, room.text - text.length)
  return kept.toWellFormed()
}

const words = (value: unknown) => (typeof value === "string" ? visible(cut(value, MOST_WORDS)) : undefined)
const told = (text: string): Part => ({ type: "text", text })

/** Members that have a text, those alone. */
const texts = <const Name extends string>(part: Members, ...names: ReadonlyArray<Name>) =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = words(part[name])
      return value === undefined ? [] : [[name, value]]
    })
  ) as { readonly [_ in Name]?: string }

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/

/** Bytes in base64: as they are, nothing where they are none, or that there is no room for them. */
const bytesOf = (data: unknown, room: Room) => {
  if (typeof data !== "string") return undefined
  const size = Math.ceil((data.length * 3) / 4)
  if (size > room.bytes) return "too large"
  if (!BASE64.test(data)) return undefined
  room.bytes -= size
  return { data }
}

const TOO_LARGE = "[This is too large to be passed on.]"
const tooLarge = (what: string) =>
  told(
    `[${what} is left out here: pictures, sounds and files of an answer may have ${MOST_BYTES / 1024 / 1024} MB together.]`
  )

/** The contents of a resource, as it is embedded and as it is read; what is too large stands there as a sentence. */
const contentsOf = (resource: unknown, room: Room) => {
  if (!isRecord(resource) || typeof resource.uri !== "string") return undefined
  const { uri, text } = resource
  const { mimeType } = texts(resource, "mimeType")
  const named = { uri, ...(mimeType !== undefined && { mimeType }) }
  if (typeof text === "string") {
    // A page is a program: whole, as it is written, or not at all.
    const isPage = mimeType?.startsWith("text/html") === true
    if (!isPage) return { ...named, text: shortened(text, room) }
    return text.length <= room.text ? { ...named, text: text.toWellFormed() } : { uri, text: TOO_LARGE }
  }
  const bytes = bytesOf(resource.blob, room)
  if (bytes === undefined) return undefined
  return bytes === "too large" ? { uri, text: TOO_LARGE } : { ...named, blob: bytes.data }
}

const partOf = (part: unknown, room: Room): Part | undefined => {
  if (!isRecord(part)) return undefined
  switch (part.type) {
    case "text":
      return typeof part.text === "string" ? told(shortened(part.text, room)) : undefined
    case "image":
    case "audio": {
      const { mimeType } = texts(part, "mimeType")
      const bytes = bytesOf(part.data, room)
      if (bytes === undefined || mimeType === undefined) return undefined
      if (bytes === "too large") return tooLarge(part.type === "image" ? "A picture" : "A sound")
      return { type: part.type, ...bytes, mimeType }
    }
    case "resource_link": {
      const { uri, name, ...rest } = texts(part, "uri", "name", "title", "description", "mimeType")
      return uri === undefined || name === undefined ? undefined : { type: "resource_link", uri, name, ...rest }
    }
    case "resource": {
      const resource = contentsOf(part.resource, room)
      return resource === undefined ? undefined : { type: "resource", resource }
    }
    default:
      return undefined
  }
}

const partsOf = (content: unknown, room: Room): ReadonlyArray<Part> => {
  const all = Array.isArray(content) ? content : []
  const parts = all.slice(0, MOST_PARTS).flatMap((part) => partOf(part, room) ?? [])
  const left = all.length - parts.length
  return left === 0
    ? parts
    : [...parts, told(`[${left} parts of the answer are left out: they are of no kind that is known here.]`)]
}

/** Every text within it without what nobody sees. */
const clean = (value: unknown): unknown => {
  if (typeof value === "string") return visible(value).toWellFormed()
  if (Array.isArray(value)) return value.map(clean)
  return isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([name, member]) => [visible(name), clean(member)]))
    : value
}

/** JSON of a value that was read from JSON, and the value cleaned; nothing where it is too much. */
const dataOf = (value: Members) => {
  const text = JSON.stringify(value)
  if (text.length > MOST_TEXT) return undefined
  const isPlain = /^[\x20-\x7e]*$/.test(text) && !text.includes("\\u")
  // An object still.
  const data = isPlain ? value : (clean(value) as Members)
  return { data, text: isPlain ? text : JSON.stringify(data) }
}

/** Ours, or of the protocol: what stands there would be read as this server's word. */
const OURS = /^(mcp|io\.modelcontextprotocol|gatehouse)\//

/** What comes along for cards. */
const metaOf = (meta: unknown) => {
  if (!isRecord(meta)) return undefined
  const kept = Object.entries(meta).filter(
    ([name]) => !OURS.test(name) && name !== "securitySchemes" && name !== "progressToken"
  )
  return kept.length === 0 ? undefined : dataOf(Object.fromEntries(kept))?.data
}

/** What is wrong with an answer, in words for the model. */
export class Unfit {
  readonly problem: string
  constructor(problem: string) {
    this.problem = problem
  }
}

/**
 * A tool's result, member by member: nothing else crosses. `judge` is of the output schema that was approved.
 */
export const toolResult = (
  result: Members,
  judge: ((value: unknown) => string | undefined) | undefined
): Members | Unfit => {
  const room: Room = { text: MOST_TEXT, bytes: MOST_BYTES }
  const isError = result.isError === true
  const parts = partsOf(result.content, room)
  const meta = metaOf(result._meta)
  const given = isRecord(result.structuredContent) ? dataOf(result.structuredContent) : undefined
  const isTooMuch = isRecord(result.structuredContent) && given === undefined
  if (judge !== undefined && !isError) {
    if (isTooMuch) return new Unfit(`it answered more than ${MOST_TEXT / 1024} KB of data`)
    const problem = given === undefined ? "there is no structuredContent" : judge(given.data)
    if (problem !== undefined)
      return new Unfit(`its answer is not what it said that it would be: ${cut(visible(problem), 300)}`)
  }
  const hasText = parts.some(({ type }) => type === "text")
  return {
    content: [
      ...parts,
      ...(given !== undefined && !hasText ? [told(given.text)] : []),
      ...(isTooMuch ? [told(`[The data of this answer is left out: it is longer than ${MOST_TEXT / 1024} KB.]`)] : [])
    ],
    ...(given && { structuredContent: given.data }),
    ...(isError && { isError }),
    ...(meta && { _meta: meta })
  }
}

/** What `resources/read` answers. */
export const resourceResult = (result: Members): Members => {
  const room: Room = { text: MOST_TEXT * 4, bytes: MOST_BYTES }
  const all = Array.isArray(result.contents) ? result.contents.slice(0, MOST_PARTS) : []
  return {
    contents: all.flatMap((one: unknown) => {
      const contents = contentsOf(one, room)
      const meta = isRecord(one) ? metaOf(one._meta) : undefined
      return contents === undefined ? [] : [{ ...contents, ...(meta && { _meta: meta }) }]
    }),
    ttlMs: 0,
    cacheScope: "private"
  }
}

/** What `prompts/get` answers. */
export const promptResult = (result: Members): Members => {
  const room: Room = { text: MOST_TEXT, bytes: MOST_BYTES }
  const all = Array.isArray(result.messages) ? result.messages.slice(0, MOST_PARTS) : []
  return {
    ...texts(result, "description"),
    messages: all.flatMap((one: unknown) => {
      if (!isRecord(one) || (one.role !== "user" && one.role !== "assistant")) return []
      const content = partOf(one.content, room)
      return content === undefined ? [] : [{ role: one.role, content }]
    })
  }
}

/** What `completion/complete` answers (MCP, "Completion": at most 100). */
export const completionResult = (result: Members): Members => {
  const { values, total, hasMore } = isRecord(result.completion)
    ? result.completion
    : { values: [], total: 0, hasMore: false }
  return {
    completion: {
      values: (Array.isArray(values) ? values : []).flatMap((value: unknown) => words(value) ?? []).slice(0, 100),
      ...(typeof total === "number" && { total }),
      ...(typeof hasMore === "boolean" && { hasMore })
    }
  }
}
