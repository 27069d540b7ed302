/** `prompt()`: words that a person picks in their app, filled in with what they say. */

import type { Part } from "./content.ts"
import type { ToolContext } from "./context.ts"

/** One argument of a prompt: a text that the person types. */
export interface PromptArgument {
  readonly title?: string
  readonly description?: string
  /** `false` for one that may be left out. */
  readonly required?: boolean
  /** What to offer while somebody types: at most 100 are told (MCP, "Completion"). */
  readonly complete?: (typed: string, others: Readonly<Record<string, string>>) => Suggestions
}
export type Suggestions = ReadonlyArray<string> | Promise<ReadonlyArray<string>>

export interface Message {
  readonly role: "user" | "assistant"
  readonly content: Part
}

export interface Prompt {
  /** At most 64 of `[a-zA-Z0-9_-]`. */
  readonly name: string
  readonly title: string
  readonly description: string
  readonly arguments?: Readonly<Record<string, PromptArgument>>
  /** A text that the person says, or a conversation. */
  readonly run: (
    given: Readonly<Record<string, string>>,
    context: Pick<ToolContext, "person" | "client" | "scopes">
  ) => string | ReadonlyArray<Message> | Promise<string | ReadonlyArray<Message>>
}

const prompts = new WeakSet<object>()

/** A prompt, from its declaration. */
export const prompt = (declaration: Prompt): Prompt => {
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(declaration.name)) {
    throw new Error(`prompt ${JSON.stringify(declaration.name)}: a name has at most 64 letters, digits, _ and -`)
  }
  prompts.add(declaration)
  return declaration
}

export const isPrompt = (value: unknown): value is Prompt =>
  typeof value === "object" && value !== null && prompts.has(value)
