/**
 * The SDK's lane: every request that is not plain, and whatever is wrong with one. A fresh server for each, nothing kept in
 * between (MCP 2026-07-28, and the 2025 revisions).
 */

import { createMcpHandler, McpServer } from "@modelcontextprotocol/server"
import { Cause, Effect, Exit, type Scope, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import { InsufficientScope } from "../oauth/errors.ts"
import type { Principal } from "../oauth/tokens/AccessTokens.ts"
import { onePage } from "../toolsets/onePage.ts"
import { type Offering, Toolset } from "../toolsets/Toolset.ts"
import { derived } from "../web/derived.ts"
import { call, capabilitiesOf, challenged, LISTS, listingsOf, SERVER } from "./answers.ts"

const CACHE_HINTS = {
  "server/discover": LISTS,
  "tools/list": LISTS,
  "resources/list": LISTS,
  "resources/templates/list": LISTS,
  "resources/read": LISTS
} as const

/** The tool checks its own arguments, so that both are told in the same words: the SDK only needs the JSON Schema. */
const advertise = (schema: Record<string, unknown>) => ({
  "~standard": {
    version: 1 as const,
    vendor: "gatehouse",
    validate: (value: unknown) => ({ value }),
    jsonSchema: { input: () => schema, output: () => schema }
  }
})

/** What the SDK gets of a request: never the token, which is of no use to a tool. */
const toWeb = (request: HttpServerRequest.HttpServerRequest, url: string, signal: AbortSignal) => {
  const { authorization: _authorization, cookie: _cookie, ...headers } = request.headers
  return new Request(url, { method: "POST", headers, signal })
}

const fromWeb = (response: Response) => {
  const headers = { ...Object.fromEntries(response.headers), "cache-control": "no-store" }
  const { body } = response
  if (body === null) return HttpServerResponse.empty({ status: response.status, headers })
  const stream = Stream.fromReadableStream({ evaluate: () => body, onError: (cause) => cause })
  return HttpServerResponse.stream(stream, { status: response.status, headers })
}

/** Makes the lane; the SDK's handler is closed with the scope. */
export const makeSdkLane = Effect.fnUntraced(function* () {
  const config = yield* ServerConfig
  const toolset = yield* Toolset
  const runExit = Effect.runPromiseExitWith(yield* Effect.context())

  /** Puts all that is offered on the server of a request. */
  const registering = (offering: Offering) => {
    const tools = offering.tools.map((tool) => {
      const schemas = { inputSchema: advertise(tool.inputSchema), outputSchema: advertise(tool.outputSchema) }
      return { tool, schemas }
    })
    const options = {
      instructions: offering.instructions,
      capabilities: capabilitiesOf(offering),
      cacheHints: CACHE_HINTS,
      ...(offering.more.requestState && { requestState: offering.more.requestState })
    }
    const listed = onePage({ tools: listingsOf(offering) })
    return () => {
      const server = new McpServer(SERVER, options)
      for (const { tool, schemas } of tools) {
        server.registerTool(tool.name, schemas, (args: unknown, { mcpReq, http }) => {
          const lacking = http?.authInfo?.extra?.lacking
          const result =
            lacking instanceof InsufficientScope ? Effect.succeed(challenged(config, lacking)) : call(tool, args)
          // Only an interruption is left as a failure: the caller hung up and waits for nothing.
          return runExit(result, { signal: mcpReq.signal }).then((exit) =>
            Exit.isSuccess(exit) ? exit.value : Promise.reject(Cause.squash(exit.cause))
          )
        })
      }
      offering.more.register(server)
      server.server.setRequestHandler("tools/list", listed)
      return server
    }
  }

  const newServer = derived(toolset.current, registering)
  const handler = createMcpHandler(() => newServer()())
  yield* Effect.addFinalizer(() => Effect.promise(() => handler.close()))

  /** Answers any message. `lacking` is what its call of a tool needs and was not granted. */
  return Effect.fn("mcp.sdkLane")(function* (
    principal: Principal,
    message: unknown,
    lacking: InsufficientScope | undefined
  ): Effect.fn.Return<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest | Scope.Scope> {
    const request = yield* HttpServerRequest.HttpServerRequest
    // Closed with the request, whichever way it ends: a caller who hangs up interrupts the tool.
    const controller = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (controller) => Effect.sync(() => controller.abort())
    )
    const authInfo = {
      token: "",
      clientId: principal.clientId,
      scopes: [...principal.scopes],
      expiresAt: Math.floor(+principal.expiresAt / 1000),
      resource: new URL(principal.resource),
      extra: { lacking }
    }
    const web = toWeb(request, config.resource, controller.signal)
    return fromWeb(yield* Effect.promise(() => handler.fetch(web, { authInfo, parsedBody: message })))
  })
})
