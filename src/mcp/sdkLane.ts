/**
 * The SDK's lane: every request that is not plain, and whatever is wrong with one. A fresh server for each, nothing kept in
 * between (MCP 2026-07-28, and the 2025 revisions).
 */

import {
  type AuthInfo,
  type CallToolResult,
  createMcpHandler,
  McpServer,
  type ServerContext
} from "@modelcontextprotocol/server"
import { Cause, type Context, Effect, Exit, type Scope, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerConfig } from "../config/ServerConfig.ts"
import type { Principal } from "../oauth/tokens/AccessTokens.ts"
import type { Question } from "../toolsets/elicit.ts"
import type { JsonSchema } from "../toolsets/jsonSchema.ts"
import { onePage } from "../toolsets/onePage.ts"
import type { Offering, Serving } from "../toolsets/Toolset.ts"
import type { Caller, Carrier } from "../toolsets/tool.ts"
import type { Accepted } from "../web/accept.ts"
import { madeOnce } from "../web/derived.ts"
import { serverError } from "../web/respond.ts"
import { type CallResult, call, capabilitiesOf, LISTS, listingsOf, SERVER } from "./answers.ts"
import { asEvents, asJson, lastOf } from "./framing.ts"
import { chatOf, envelopeOf, type Members } from "./message.ts"
import { speakPlainly } from "./plainWords.ts"
import { canAsk, type Questions } from "./questions.ts"

const CACHE_HINTS = {
  "server/discover": LISTS,
  "tools/list": LISTS,
  "resources/list": LISTS,
  "resources/templates/list": LISTS,
  "resources/read": LISTS
} as const

const ACCEPT = "application/json, text/event-stream"

/** The tool checks its own arguments, so that both are told in the same words: the SDK only needs the JSON Schema. */
const advertise = (schema: JsonSchema) => ({
  "~standard": {
    version: 1 as const,
    vendor: "gatehouse",
    validate: (value: unknown) => ({ value }),
    jsonSchema: { input: () => ({ ...schema }), output: () => ({ ...schema }) }
  }
})

/**
 * What the SDK gets of a request: never the token, which is of no use to a tool. It reads `Accept` by words of its own, so
 * it is told that both types are taken, and its answer is put into the one that is.
 */
const toWeb = (request: HttpServerRequest.HttpServerRequest, url: string, signal: AbortSignal) => {
  const { authorization: _authorization, cookie: _cookie, ...headers } = request.headers
  return new Request(url, { method: "POST", headers: { ...headers, accept: ACCEPT }, signal })
}

const fromWeb = (response: Response) => {
  const headers = { ...Object.fromEntries(response.headers), "cache-control": "no-store" }
  const { body } = response
  if (body === null) return HttpServerResponse.empty({ status: response.status, headers })
  const stream = Stream.fromReadableStream({ evaluate: () => body, onError: (cause) => cause })
  return HttpServerResponse.stream(stream, { status: response.status, headers })
}

/** An answer for a client that does not take both types. What went wrong is told in JSON to everybody. */
const framed = (response: Response, accepted: Accepted) => {
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true
  const isTaken = accepted.stream && (isStream || accepted.json)
  if (response.body === null || isTaken) return Effect.succeed(fromWeb(response))
  return Effect.map(
    Effect.promise(() => response.text()),
    (text) => {
      const message = isStream ? lastOf(text) : text
      if (message === undefined) return serverError
      return response.ok && !accepted.json
        ? asEvents([message])
        : HttpServerResponse.setStatus(asJson(message), response.status)
    }
  )
}

/** What goes along with a request, through the SDK. */
interface Extra {
  readonly caller: Caller
  readonly denied: CallResult | undefined
  readonly offering: Offering
  /** The person's answers so far, where this request can carry a question. */
  readonly answers: Members | undefined
  readonly chat: string | undefined
  /** Where its log lines belong. */
  readonly context: Context.Context<never>
}

/** Progress for a caller that asked for it, by its token. Nobody waits for a notification, and a caller may be gone. */
const carrierOf = (
  { _meta, notify }: ServerContext["mcpReq"],
  answers: Members | undefined,
  chat: string | undefined
): Carrier => {
  const progressToken = _meta?.progressToken
  return {
    ...(chat !== undefined && { chat }),
    ...(answers && { answers }),
    ...(progressToken !== undefined && {
      progress: (done, total, text) => {
        const params = {
          progressToken,
          progress: done,
          ...(total !== undefined && { total }),
          ...(text && { message: text })
        }
        notify({ method: "notifications/progress", params }).catch(() => undefined)
      }
    })
  }
}

// Of this lane alone: the SDK hands on what was put there below, and types it as anything.
const extraOf = (authInfo: AuthInfo | undefined) => authInfo?.extra as unknown as Extra

/** Makes the lane; the SDK's handler is closed with the scope. */
export const makeSdkLane = Effect.fnUntraced(function* (questions: Questions) {
  const config = yield* ServerConfig

  const serving: Serving = {
    callerOf: ({ http }) => extraOf(http?.authInfo).caller,
    run: ({ http, mcpReq }, effect) =>
      Effect.runPromiseExitWith(extraOf(http?.authInfo).context)(effect, { signal: mcpReq.signal })
  }

  /** Puts all that is offered on the server of a request. */
  const registering = (offering: Offering) => {
    const tools = offering.tools.map((tool) => {
      const { inputSchema, outputSchema } = tool
      const schemas = {
        inputSchema: advertise(inputSchema),
        ...(outputSchema && { outputSchema: advertise(outputSchema) })
      }
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
        server.registerTool(tool.name, schemas, (args: unknown, context) => {
          // Put there below, and by nobody else.
          const { caller, denied, answers, chat } = extraOf(context.http?.authInfo)
          const ask = (question: Question) =>
            questions.ask(question, { tool: tool.name, args, caller, answers: answers ?? {} })
          const result =
            denied === undefined
              ? call(tool, args, caller, carrierOf(context.mcpReq, answers, chat), ask)
              : Effect.succeed(denied)
          // Only an interruption is left as a failure: the caller hung up and waits for nothing.
          return serving.run(context, result).then((exit) =>
            // What a tool says, or a question: the SDK's own types are for what may be written to.
            Exit.isSuccess(exit) ? (exit.value as CallToolResult) : Promise.reject(Cause.squash(exit.cause))
          )
        })
      }
      offering.more.register(server, serving)
      speakPlainly(server)
      server.server.setRequestHandler("tools/list", listed)
      return server
    }
  }

  const newServer = madeOnce(registering)
  const handler = createMcpHandler(({ authInfo }) => newServer(extraOf(authInfo).offering)())
  yield* Effect.addFinalizer(() => Effect.promise(() => handler.close()))

  /** Answers any message. `denied` is the result of its call of a tool when that needs more than was granted. */
  return Effect.fn("mcp.sdkLane")(function* (
    principal: Principal,
    message: unknown,
    accepted: Accepted,
    { caller, denied, offering }: Pick<Extra, "caller" | "denied" | "offering">
  ): Effect.fn.Return<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest | Scope.Scope> {
    const request = yield* HttpServerRequest.HttpServerRequest
    const { params, meta } = envelopeOf(message)
    const chat = chatOf(request.headers, meta)
    const answers = canAsk(meta) ? yield* questions.answersOf(params, caller) : undefined
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
      extra: { caller, denied, offering, answers, chat, context: yield* Effect.context<never>() }
    }
    const web = toWeb(request, config.resource, controller.signal)
    const answer = yield* Effect.promise(() => handler.fetch(web, { authInfo, parsedBody: message }))
    return yield* framed(answer, accepted)
  })
})
