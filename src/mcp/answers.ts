/** What both lanes of `/mcp` say and do: who the server is, its tools as clients see them, and a call's result. */

import type { Tool as Listing, ServerCapabilities } from "@modelcontextprotocol/server"
import { Effect } from "effect"
import { version } from "../config/version.ts"
import type { InsufficientScope } from "../oauth/errors.ts"
import { TOOLS_CALL } from "../oauth/scope.ts"
import { toolCalls, toolDurations } from "../telemetry/counts.ts"
import { tellSpan } from "../telemetry/trace.ts"
import { Content, type Part, Relayed } from "../toolsets/content.ts"
import { Question } from "../toolsets/elicit.ts"
import { ToolFailure } from "../toolsets/failure.ts"
import type { Offering } from "../toolsets/Toolset.ts"
import type { Answer, Caller, Carrier, Tool } from "../toolsets/tool.ts"

export const SERVER = { name: "gatehouse", title: "Gatehouse", version }

export const capabilitiesOf = ({ more }: Offering): ServerCapabilities => ({
  tools: { listChanged: false },
  ...more.capabilities
})

/** Equal for every caller, so a cache may share them; new tools are seen within the time. */
export const LISTS = { ttlMs: 300_000, cacheScope: "public" } as const

/** What a caller needs for a tool; of one that there is not, what is needed for any. */
export const scopesOf = (tool: Pick<Tool, "scope"> | undefined): ReadonlyArray<string> => [
  ...new Set([TOOLS_CALL.name, ...(tool === undefined ? [] : [tool.scope.name])])
]

/** A tool's entry in `tools/list`. The security schemes are what ChatGPT reads, in both places where it looks. */
const listingOf = (tool: Tool): Listing & { readonly securitySchemes: unknown } => {
  const securitySchemes = [{ type: "oauth2", scopes: scopesOf(tool) }]
  return {
    name: tool.name,
    title: tool.title,
    description: tool.description,
    annotations: tool.annotations,
    // Held to be object schemas when they were declared.
    inputSchema: tool.inputSchema as Listing["inputSchema"],
    ...(tool.outputSchema && { outputSchema: tool.outputSchema as NonNullable<Listing["outputSchema"]> }),
    securitySchemes,
    _meta: { securitySchemes, ...(tool.ui && { ui: tool.ui }), ...(tool.app && { ui: { resourceUri: tool.app.uri } }) }
  }
}

/** `tools/list`, in its order. */
export const listingsOf = ({ tools, more }: Offering): Array<Listing> => [...tools.map(listingOf), ...more.listings]

const failed = (message: string) => ({
  isError: true,
  content: [{ type: "text" as const, text: message.toWellFormed() }]
})

/**
 * What a tool read elsewhere may hold half a surrogate pair. JSON writes it as an escape, which strict readers refuse with
 * the whole message, so it becomes the replacement character. Escapes are read two characters at a time: `\\ud800` is a
 * backslash and letters. The plain case is a look for what is not there.
 */
const wellFormed = (structuredContent: Readonly<Record<string, unknown>>) => {
  const text = JSON.stringify(structuredContent)
  if (!text.includes("\\ud")) return { structuredContent, text }
  const mended = text.replace(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, (read) => (read.length > 2 ? "\ufffd" : read))
  if (mended === text) return { structuredContent, text }
  // Its own text, but for a few characters: still an object.
  return { structuredContent: JSON.parse(mended) as Record<string, unknown>, text: mended }
}

export interface CallResult {
  readonly [member: string]: unknown
  readonly content?: ReadonlyArray<Part>
  readonly structuredContent?: Readonly<Record<string, unknown>>
  readonly isError?: boolean
}

/** An answer of a tool on the wire: values stand there as text, too, for clients that read nothing else. */
const resultOf = (answer: Answer): CallResult => {
  if (answer instanceof Relayed) return answer.result
  if (answer instanceof Content) {
    if (answer.data === undefined) return { content: answer.parts }
    const { structuredContent, text } = wellFormed(answer.data)
    const hasText = answer.parts.some(({ type }) => type === "text")
    return { structuredContent, content: hasText ? answer.parts : [...answer.parts, { type: "text", text }] }
  }
  const { structuredContent, text } = wellFormed(answer)
  return { structuredContent, content: [{ type: "text", text }] }
}

const FAILED = failed("The tool failed. Try again later.")

/** `ok`; `error`, for the model to read; `defect`; `asked` the person something first. */
type Outcome = "ok" | "error" | "defect" | "asked"

/** Counts a call that has come to an end; of one that was given up nobody knows how it went. */
const count = ({ name }: Tool, outcome: Outcome, began: number) => {
  toolCalls.of(name, outcome).value++
  toolDurations.of(name).observe((performance.now() - began) / 1000)
  if (outcome !== "ok") tellSpan({ "error.type": outcome })
}

/**
 * A call's result on the wire. A tool's own failure is for the model to read, also where it was thrown; a defect is for the
 * log alone. `ask` makes the result of one that has to ask the person first.
 */
export const call = (
  tool: Tool,
  args: unknown,
  caller: Caller,
  carrier: Carrier,
  ask: (question: Question) => Effect.Effect<CallResult>
): Effect.Effect<CallResult> => {
  let began = 0
  const start = () => {
    began = performance.now()
    return tool.call(args, caller, carrier)
  }
  return Effect.suspend(start).pipe(
    Effect.map((answer) => {
      const result = resultOf(answer)
      count(tool, result.isError === true ? "error" : "ok", began)
      return result
    }),
    Effect.catch((failure) => {
      count(tool, "error", began)
      return Effect.succeed(failed(failure.message))
    }),
    Effect.catchDefect((defect) => {
      count(tool, defect instanceof Question ? "asked" : defect instanceof ToolFailure ? "error" : "defect", began)
      if (defect instanceof Question) return ask(defect)
      if (defect instanceof ToolFailure) return Effect.succeed(failed(defect.message))
      return Effect.as(
        Effect.annotateLogs(Effect.logError("a tool ended in a defect", defect), { tool: tool.name }),
        FAILED
      )
    })
  )
}

/** The result of a call that needs more than was granted, for clients that read it there (OpenAI Apps SDK, "Auth"). */
export const challenged = ({ missing }: InsufficientScope, challenge: string): CallResult => ({
  ...failed(`This tool needs a permission that was not given: ${missing}.`),
  _meta: { "mcp/www_authenticate": [challenge] }
})
