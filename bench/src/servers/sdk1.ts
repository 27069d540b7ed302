/** SDK v1 on Express, stateless, as its documentation has it; JSON instead of an event stream, which is faster. */

import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import express from "express"
import { calculate, port, tools, zodOf } from "../tools.ts"

const schemas = tools.map((tool) => ({ tool, input: zodOf(tool.inputSchema), output: zodOf(tool.outputSchema) }))

const newServer = () => {
  const server = new McpServer({ name: "sdk1", version: "1.0.0" })
  for (const { tool, input, output } of schemas) {
    const { name, title, description, annotations } = tool
    server.registerTool(
      name,
      { title, description, annotations, inputSchema: input.shape, outputSchema: output.shape },
      (args: unknown) => {
        const structuredContent = calculate(args)
        return { structuredContent, content: [{ type: "text", text: JSON.stringify(structuredContent) }] }
      }
    )
  }
  return server
}

const app = express()
app.use(express.json())
app.post("/mcp", async (request, response) => {
  const server = newServer()
  const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
  response.on("close", () => {
    void transport.close()
    void server.close()
  })
  await server.connect(transport as Parameters<typeof server.connect>[0])
  await transport.handleRequest(request, response, request.body)
})
app.listen(port, "127.0.0.1")
