/** What a tool answers beside values: text, pictures, sounds and links, as MCP has them (MCP 2026-07-28, server/tools, "Tool Result"). */

/** One part of an answer. */
export type Part =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image" | "audio"; readonly data: string; readonly mimeType: string }
  | {
      readonly type: "resource_link"
      readonly uri: string
      readonly name: string
      readonly title?: string
      readonly description?: string
      readonly mimeType?: string
    }
  | {
      readonly type: "resource"
      readonly resource: { readonly uri: string; readonly mimeType?: string } & (
        | { readonly text: string }
        | { readonly blob: string }
      )
    }

const base64 = (bytes: Uint8Array | string) =>
  typeof bytes === "string" ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")

/** A paragraph for the model. */
export const text = (text: string): Part => ({ type: "text", text: text.toWellFormed() })
/** A picture, as bytes or in base64. */
export const image = (data: Uint8Array | string, mimeType: string): Part => ({
  type: "image",
  data: base64(data),
  mimeType
})
/** A sound, as bytes or in base64. */
export const audio = (data: Uint8Array | string, mimeType: string): Part => ({
  type: "audio",
  data: base64(data),
  mimeType
})
/** Something that the client may read if it wants to. */
export const link = (link: Omit<Extract<Part, { readonly type: "resource_link" }>, "type">): Part => ({
  type: "resource_link",
  ...link
})
/** A document that comes along. */
export const embedded = (uri: string, content: string | Uint8Array, mimeType?: string): Part => ({
  type: "resource",
  resource: {
    uri,
    ...(mimeType === undefined ? {} : { mimeType }),
    ...(typeof content === "string" ? { text: content.toWellFormed() } : { blob: base64(content) })
  }
})

/** An answer in parts, with `data` for the tool's `output` if it has one. */
export class Content {
  readonly parts: ReadonlyArray<Part>
  readonly data: Readonly<Record<string, unknown>> | undefined
  constructor(parts: ReadonlyArray<Part>, data: Readonly<Record<string, unknown>> | undefined) {
    this.parts = parts
    this.data = data
  }
}

/** What `run` returns when its answer is more than a value. */
export const content = (parts: ReadonlyArray<Part>, data?: Readonly<Record<string, unknown>>): Content =>
  new Content(parts, data)

/** The answer of a server behind this one: passed on as it stands. */
export class Relayed {
  readonly result: Readonly<Record<string, unknown>>
  constructor(result: Readonly<Record<string, unknown>>) {
    this.result = result
  }
}
