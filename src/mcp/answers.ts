/** What both lanes of `/mcp` say and do: who the server is, its tools as clients see them, and a call's result. */

import type { Tool as Listing, ServerCapabilities } from "@modelcontextprotocol/server"
import { Effect } from "effect"
import type { InsufficientScope } from "../oauth/errors.ts"
import { TOOLS_CALL } from "../oauth/scope.ts"
import type { Offering } from "../toolsets/Toolset.ts"
import type { Caller, Tool } from "../toolsets/tool.ts"

export const SERVER = { name: "gatehouse", title: "Gatehouse", version: "0.1.0" }

export const capabilitiesOf = ({ more }: Offering): ServerCapabilities => ({
  tools: { listChanged: false },
  ...more.capabilities
})

/** Equal for every caller, so a cache may share them; new tools are seen within the time. */
export const LISTS = { ttlMs: 300_000, cacheScope: "public" } as const

/** What a caller needs for a tool; of one that there is not, what is needed for any. */
export const scopesOf = (tool: Tool | undefined): ReadonlyArray<string> => [
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
    // Made by Effect from a struct, so both are object schemas.
    inputSchema: tool.inputSchema as Listing["inputSchema"],
    outputSchema: tool.outputSchema as NonNullable<Listing["outputSchema"]>,
    securitySchemes,
    _meta: { securitySchemes, ...(tool.app && { ui: { resourceUri: tool.app.uri } }) }
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
const wellFormed = (structuredContent: Record<string, unknown>) => {
  const text = JSON.stringify(structuredContent)
  if (!text.includes("\\ud")) return { structuredContent, text }
  const mended = text.replace(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, (read) => (read.length > 2 ? "\ufffd" : read))
  if (mended === text) return { structuredContent, text }
  // Its own text, but for a few characters: still an object.
  return { structuredContent: JSON.parse(mended) as Record<string, unknown>, text: mended }
}

export interface CallResult {
  readonly [member: string]: unknown
  readonly content: Array<{ readonly type: "text"; readonly text: string }>
  readonly structuredContent?: Record<string, unknown>
  readonly isError?: boolean
}

/** A call's result on the wire. A tool's own failure is for the model to read, a defect is for the log alone. */
export const call = (tool: Tool, args: unknown, caller: Caller): Effect.Effect<CallResult> =>
  Effect.suspend(() => tool.call(args, caller)).pipe(
    Effect.map((result) => {
      const { structuredContent, text } = wellFormed(result)
      return { structuredContent, content: [{ type: "text" as const, text }] }
    }),
    Effect.catch((failure) => Effect.succeed(failed(failure.message))),
    Effect.catchDefect((defect) =>
      Effect.as(
        Effect.annotateLogs(Effect.logError("a tool ended in a defect", defect), { tool: tool.name }),
        failed("The tool failed. Try again later.")
      )
    )
  )

/** The result of a call that needs more than was granted, for clients that read it there (OpenAI Apps SDK, "Auth"). */
export const challenged = ({ missing }: InsufficientScope, challenge: string): CallResult => ({
  ...failed(`This tool needs a permission that was not given: ${missing}.`),
  _meta: { "mcp/www_authenticate": [challenge] }
})
