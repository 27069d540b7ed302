/** `resource()`: a document, or a kind of them, that an app may read. */

import { UriTemplate } from "@modelcontextprotocol/server"
import type { ToolContext } from "./context.ts"
import type { Suggestions } from "./prompt.ts"

export interface Resource {
  /** `notes://all`; or a template (RFC 6570), `notes://{id}`, for many. */
  readonly uri: string
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly mimeType?: string
  /** Of a template: what there is to be listed, so that an app may offer it. */
  readonly list?: () => ListedResources | Promise<ListedResources>
  /** Of a template: what to offer for one of its variables while somebody types. */
  readonly complete?: Readonly<Record<string, (typed: string) => Suggestions>>
  /** Its content: text, or bytes. Nothing where there is no such document. */
  readonly read: (
    variables: Readonly<Record<string, string>>,
    context: Pick<ToolContext, "person" | "client" | "scopes">
  ) => Content | Promise<Content>
}
type Content = string | Uint8Array | undefined
type ListedResources = ReadonlyArray<{ readonly uri: string; readonly name: string; readonly title?: string }>

const resources = new WeakSet<object>()

/** Whether it stands for many. */
export const isTemplate = ({ uri }: Resource): boolean => UriTemplate.isTemplate(uri)

/** A resource, from its declaration. */
export const resource = (declaration: Resource): Resource => {
  if (!isTemplate(declaration) && !URL.canParse(declaration.uri)) {
    throw new Error(`resource ${JSON.stringify(declaration.name)}: ${JSON.stringify(declaration.uri)} is no URI`)
  }
  resources.add(declaration)
  return declaration
}

export const isResource = (value: unknown): value is Resource =>
  typeof value === "object" && value !== null && resources.has(value)
