/** What both lanes of `/mcp` say and do: who the server is, its tools as clients see them, and a call's result. */

import type { Tool as Listing, ServerCapabilities } from "@modelcontextprotocol/server"
import { Effect } from "effect"
import type { ServerConfigShape } from "../config/ServerConfig.ts"
import type { InsufficientScope } from "../oauth/errors.ts"
import { TOOLS_CALL } from "../oauth/scope.ts"
import * as Bearer from "../oauth/tokens/bearer.ts"
import type { Offering } from "../toolsets/Toolset.ts"
import type { Tool } from "../toolsets/tool.ts"

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

const failed = (message: string) => ({ isError: true, content: [{ type: "text" as const, text: message }] })

export interface CallResult {
  readonly [member: string]: unknown
  readonly content: Array<{ readonly type: "text"; readonly text: string }>
  readonly structuredContent?: Record<string, unknown>
  readonly isError?: boolean
}

/** A call's result on the wire. A tool's own failure is for the model to read, a defect is for the log alone. */
export const call = (tool: Tool, args: unknown): Effect.Effect<CallResult> =>
  Effect.suspend(() => tool.call(args)).pipe(
    Effect.map((structuredContent) => ({
      structuredContent,
      content: [{ type: "text" as const, text: JSON.stringify(structuredContent) }]
    })),
    Effect.catch((failure) => Effect.succeed(failed(failure.message))),
    Effect.catchDefect((defect) =>
      Effect.as(
        Effect.annotateLogs(Effect.logError("a tool ended in a defect", defect), { tool: tool.name }),
        failed("The tool failed. Try again later.")
      )
    )
  )

/** The result of a call that needs more than was granted, for clients that read it there (OpenAI Apps SDK, "Auth"). */
export const challenged = (config: ServerConfigShape, lacking: InsufficientScope): CallResult => ({
  ...failed(`This tool needs a permission that was not given: ${lacking.scope}.`),
  _meta: { "mcp/www_authenticate": [Bearer.challenge(config, lacking)] }
})
