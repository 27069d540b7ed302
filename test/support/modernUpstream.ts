/** An MCP server of the revision of 2026, as the SDK makes them, on loopback. */

import { createServer } from "node:http"
import { Readable } from "node:stream"
import { createMcpHandler, inputRequired, McpServer } from "@modelcontextprotocol/server"
import { Effect } from "effect"

export const modernUpstream = Effect.gen(function* () {
  const methods: Array<unknown> = []
  const handler = createMcpHandler(
    () => {
      const server = new McpServer(
        { name: "modern", version: "2.0.0" },
        { capabilities: { tools: { listChanged: true } } }
      )
      server.registerTool("echo", { description: "Says it back." }, () => ({
        content: [{ type: "text", text: "back" }]
      }))
      server.registerTool("ask", { description: "Asks first." }, () =>
        inputRequired({
          inputRequests: {
            name: inputRequired.elicit({
              message: "What is your name?",
              requestedSchema: { type: "object", properties: { name: { type: "string" } } }
            })
          }
        })
      )
      return server
    },
    { legacy: "reject" }
  )
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk) => chunks.push(chunk))
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString()
      const message = body === "" ? undefined : JSON.parse(body)
      methods.push(message?.method)
      const headers = Object.entries(request.headers).flatMap(([name, value]) =>
        typeof value === "string" ? [[name, value] as [string, string]] : []
      )
      const aborted = new AbortController()
      response.on("close", () => aborted.abort())
      // The SDK's own promise, at the edge of the test.
      void handler
        .fetch(
          new Request(`http://${request.headers.host}${request.url}`, {
            method: request.method ?? "GET",
            headers,
            signal: aborted.signal,
            ...(body !== "" && { body })
          })
        )
        .then(async (answer) => {
          if (message?.method === "tools/list") {
            // What the SDK would never say: an entry that is none.
            const listed = JSON.parse((await answer.text()).replace(/^(?:event:.*\n)?data: /m, ""))
            listed.result.tools.push({ name: 7 }, null)
            response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(listed))
            return
          }
          response.writeHead(answer.status, Object.fromEntries(answer.headers))
          if (answer.body === null) response.end()
          else Readable.fromWeb(answer.body as import("node:stream/web").ReadableStream).pipe(response)
        })
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  )
  const address = server.address()
  const port = typeof address === "object" ? (address?.port ?? 0) : 0
  return { url: `http://127.0.0.1:${port}/mcp`, methods, changed: () => handler.notify.toolsChanged() }
})
