/** Runs tools in a developer's own tests, as the server would and without a socket. */

import { Effect, References } from "effect"
import { type CallResult, call as callTool } from "./mcp/answers.ts"
import type { Question } from "./toolsets/elicit.ts"
import { type Declared, type Person, place } from "./toolsets/tool.ts"

export interface CallOptions {
  /** Who calls: nobody in particular unless said. */
  readonly person?: Partial<Person>
  readonly clientId?: string
  /** What `secret` knows. */
  readonly secrets?: Readonly<Record<string, string>>
  /** What the person answers to `elicit`, in its order; asked without an answer, the call ends with `asked`. */
  readonly answers?: ReadonlyArray<{ readonly action: "accept" | "decline" | "cancel"; readonly content?: unknown }>
  /** Hears `progress`. */
  readonly onProgress?: (done: number, total: number | undefined, text: string | undefined) => void
}

export interface Called extends CallResult {
  /** The question that the call waits for. */
  readonly asked?: { readonly message: string }
}

/**
 * Calls a tool: arguments are read by its schema, the result is what an app would get (`structuredContent`, `content`,
 * `isError`). What a tool throws beside `ToolFailure` is told in a sentence, as apps read it, and printed.
 */
export const call = (tool: Declared, args: unknown = {}, options: CallOptions = {}): Promise<Called> => {
  const { person = {}, clientId = "test", secrets = {}, answers = [], onProgress } = options
  const known: Person = { id: "test", name: undefined, email: undefined, roles: [], ...person }
  const caller = {
    subject: known.id,
    clientId,
    grant: "test",
    scopes: ["mcp.tools.call", tool.scope.name],
    person: Effect.succeed(known)
  }
  const carrier = {
    answers: Object.fromEntries(answers.map((answer, index) => [`q${index + 1}`, answer])),
    ...(onProgress && { progress: onProgress })
  }
  // A tool of one's own asks one thing at a time.
  const ask = ({ forms }: Question) => Effect.succeed({ asked: { message: Object.values(forms)[0]?.message ?? "" } })
  const placed = place(tool, { secret: (name) => secrets[name] })
  return Effect.runPromise(
    Effect.provideService(callTool(placed, args, caller, carrier, ask), References.MinimumLogLevel, "Error")
  )
}
