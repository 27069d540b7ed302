/** An MCP server over HTTP on loopback that does on demand what real ones do at the wrong time, and remembers what it was sent. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Effect } from "effect"
import type { Http, Mount } from "../../src/gateway/mount.ts"
import { listening } from "./fetchServer.ts"
import { aMount } from "./mounts.ts"

interface Asked {
  readonly verb: string
  readonly method: string | undefined
  readonly headers: IncomingMessage["headers"]
}

interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: {
    readonly name?: string
    readonly protocolVersion?: string
    readonly arguments?: { readonly bytes?: number; readonly text?: string }
    readonly _meta?: { readonly progressToken?: unknown; readonly traceparent?: string }
  }
}

/** What it does instead of answering. */
export type Turn = (message: Message, response: ServerResponse, request: IncomingMessage) => boolean

const json = (response: ServerResponse, body: unknown, headers: Record<string, string> = {}) =>
  response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))

export const misbehavingHttp = Effect.fn("test.misbehavingHttp")(function* (turn: Turn = () => false) {
  const asked: Array<Asked> = []
  const sessions = new Set<string>()
  const open = new Set<ServerResponse>()
  const behaviour = { turn, sessions: 0 }

  const call = ({ id, params }: Message, response: ServerResponse) => {
    const text = (value: string) => ({ jsonrpc: "2.0", id, result: { content: [{ type: "text", text: value }] } })
    switch (params?.name) {
      case "large":
        return json(response, text("x".repeat(params.arguments?.bytes ?? 0)))
      case "stream":
        response.writeHead(200, { "content-type": "text/event-stream" })
        for (let step = 1; step <= 2; step++) {
          const notification = {
            jsonrpc: "2.0",
            method: "notifications/progress",
            params: { progressToken: params._meta?.progressToken, progress: step }
          }
          response.write(`event: message\ndata: ${JSON.stringify(notification)}\n\n`)
        }
        return response.end(`event: message\ndata: ${JSON.stringify(text("streamed"))}\n\n`)
      case "broken stream":
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write(": hello\n\n")
        return setTimeout(() => response.destroy(), 20)
      case "ended stream":
        return response.writeHead(200, { "content-type": "text/event-stream" }).end(": hello\n\n")
      case "silent stream":
        response.writeHead(200, { "content-type": "text/event-stream" })
        return response.write(": hello\n\n")
      default:
        return json(response, text(params?.arguments?.text ?? ""))
    }
  }

  const answer = (message: Message, request: IncomingMessage, response: ServerResponse) => {
    if (behaviour.turn(message, response, request)) return
    const { id, method } = message
    const session = request.headers["mcp-session-id"]
    if (method === "server/discover") {
      return json(response, { jsonrpc: "2.0", id, error: { code: -32601, message: "Method not found" } })
    }
    if (method === "initialize") {
      const name = `session-${++behaviour.sessions}`
      sessions.add(name)
      const result = {
        protocolVersion: message.params?.protocolVersion,
        serverInfo: { name: "misbehaving", version: "1.0.0" },
        capabilities: { tools: {} }
      }
      return json(response, { jsonrpc: "2.0", id, result }, { "mcp-session-id": name })
    }
    if (typeof session !== "string" || !sessions.has(session)) return response.writeHead(404).end("Session not found")
    if (id === undefined) return response.writeHead(202).end()
    if (method === "tools/call") return call(message, response)
    if (method === "tools/list")
      return json(response, { jsonrpc: "2.0", id, result: { tools: [{ name: "echo" }, null] } })
    return json(response, { jsonrpc: "2.0", id, result: {} })
  }

  const server = createServer((request, response) => {
    open.add(response)
    response.on("close", () => open.delete(response))
    let body = ""
    request.on("data", (chunk) => {
      body += chunk
    })
    request.on("end", () => {
      const message: Message = body === "" ? {} : JSON.parse(body)
      asked.push({ verb: request.method ?? "", method: message.method, headers: request.headers })
      if (request.method === "POST") answer(message, request, response)
      else if (request.method === "DELETE") {
        sessions.delete(String(request.headers["mcp-session-id"]))
        response.writeHead(204).end()
      } else response.writeHead(405).end()
    })
  })
  const port = yield* listening(server)
  const url = `http://127.0.0.1:${port}/mcp`
  return {
    url,
    asked,
    sessions,
    behaviour,
    /** Answers that are not finished. */
    open,
    mount: (mount: Partial<Mount> = {}, transport: Partial<Http> = {}): Mount =>
      aMount({
        name: "far",
        title: "Far server",
        transport: { _tag: "Http", url, headers: {}, mayBePrivate: true, ...transport },
        ...mount
      })
  }
})
