/** The tools as an MCP server: a fresh one per request, nothing kept in between (MCP 2026-07-28, and 2025 revisions). */

import { createMcpHandler, McpServer, ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server"
import { Cause, Effect, Exit } from "effect"
import type { App, Tool } from "../toolsets/tool.ts"
import { capabilitiesWith, INSTRUCTIONS, LISTS, listingsOf, makeCalls, SERVER } from "./answers.ts"
import { ServerExtension } from "./ServerExtension.ts"

const CACHE_HINTS = {
  "server/discover": LISTS,
  "tools/list": LISTS,
  "resources/list": LISTS,
  "resources/templates/list": LISTS,
  "resources/read": LISTS
} as const

const APP_TYPE = "text/html;profile=mcp-app"

/** The tool checks its own arguments, so that both are told in the same words: the SDK only needs the JSON Schema. */
const advertise = (schema: Record<string, unknown>) => ({
  "~standard": {
    version: 1 as const,
    vendor: "gatehouse",
    validate: (value: unknown) => ({ value }),
    jsonSchema: { input: () => schema, output: () => schema }
  }
})

/** One page holds all, so no cursor was ever given out (MCP pagination: an invalid one is -32602). */
const onePage =
  <A>(result: A) =>
  (request: { readonly params?: { readonly cursor?: string | undefined } | undefined }): A => {
    if (request.params?.cursor !== undefined) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, "The cursor is not valid: there is one page")
    }
    return result
  }

const registerApp = (server: McpServer, { uri, title, html }: App) =>
  server.registerResource(title, uri, { title, mimeType: APP_TYPE }, () => ({
    // Nothing is fetched by it, so nothing may be.
    contents: [{ uri, mimeType: APP_TYPE, text: html, _meta: { ui: { prefersBorder: true, csp: {} } } }]
  }))

/** The SDK's handler over these tools, closed with the scope. */
export const makeToolServer = Effect.fnUntraced(function* <R>(tools: ReadonlyArray<Tool<R>>) {
  const callOf = yield* makeCalls()
  const extension = yield* ServerExtension
  const context = yield* Effect.context<R>()
  const runExit = Effect.runPromiseExitWith(context)
  const calls = tools.map((tool) => ({ tool, call: callOf(tool) }))
  const apps = tools.flatMap(({ app }) => (app === undefined ? [] : [app]))
  const listings = { tools: listingsOf(tools, extension) }
  const resources = { resources: apps.map(({ uri, title }) => ({ uri, name: title, title, mimeType: APP_TYPE })) }

  const handler = createMcpHandler(() => {
    const server = new McpServer(SERVER, {
      instructions: INSTRUCTIONS,
      capabilities: capabilitiesWith(extension),
      cacheHints: CACHE_HINTS,
      ...(extension?.requestState && { requestState: extension.requestState })
    })
    for (const { tool, call } of calls) {
      const { name, inputSchema, outputSchema } = tool
      const schemas = { inputSchema: advertise(inputSchema), outputSchema: advertise(outputSchema) }
      server.registerTool(name, schemas, (args: unknown, { mcpReq, http }) => {
        const result = call(args, http?.authInfo?.scopes ?? [])
        // Only an interruption is left as a failure: the caller hung up and waits for nothing.
        return runExit(result, { signal: mcpReq.signal }).then((exit) =>
          Exit.isSuccess(exit) ? exit.value : Promise.reject(Cause.squash(exit.cause))
        )
      })
    }
    for (const app of apps) registerApp(server, app)
    extension?.register(server)
    server.server.setRequestHandler("tools/list", onePage(listings))
    if (extension === undefined) {
      server.server.setRequestHandler("resources/list", onePage(resources))
      server.server.setRequestHandler("resources/templates/list", onePage({ resourceTemplates: [] }))
    }
    return server
  })
  yield* Effect.addFinalizer(() => Effect.promise(() => handler.close()))
  return handler
})
