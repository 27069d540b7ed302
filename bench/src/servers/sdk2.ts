/** SDK v2: `createMcpHandler` on `node:http`, which answers both eras. */

import { createServer } from "node:http"
import { toNodeHandler } from "@modelcontextprotocol/node"
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server"
import { calculate, port, tools, zodOf } from "../tools.ts"

const schemas = tools.map((tool) => ({ tool, input: zodOf(tool.inputSchema), output: zodOf(tool.outputSchema) }))

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: "sdk2", version: "1.0.0" })
  for (const { tool, input, output } of schemas) {
    const { name, title, description, annotations } = tool
    server.registerTool(
      name,
      { title, description, annotations, inputSchema: input, outputSchema: output },
      (args: unknown) => {
        const structuredContent = calculate(args)
        return { structuredContent, content: [{ type: "text", text: JSON.stringify(structuredContent) }] }
      }
    )
  }
  return server
})

createServer(toNodeHandler(handler)).listen(port, "127.0.0.1")
