/** An MCP server of the revision of 2026, as the SDK makes them, on loopback. */

import { createMcpHandler, inputRequired, McpServer } from "@modelcontextprotocol/server"
import { Effect } from "effect"
import { fetchServer } from "./fetchServer.ts"

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
  const port = yield* fetchServer(async (request) => {
    const body = await request.clone().text()
    const method = body === "" ? undefined : JSON.parse(body).method
    methods.push(method)
    const answer = await handler.fetch(request)
    if (method !== "tools/list") return answer
    // What the SDK would never say: an entry that is none.
    const listed = JSON.parse((await answer.text()).replace(/^(?:event:.*\n)?data: /m, ""))
    listed.result.tools.push({ name: 7 }, null)
    return Response.json(listed)
  })
  return { url: `http://127.0.0.1:${port}/mcp`, methods, changed: () => handler.notify.toolsChanged() }
})
