/** fastmcp, stateless over HTTP. It speaks the 2025 era alone. */

import { FastMCP } from "fastmcp"
import { calculate, port, tools, zodOf } from "../tools.ts"

const server = new FastMCP({ name: "fastmcp", version: "1.0.0" })
for (const tool of tools) {
  server.addTool({
    name: tool.name,
    description: tool.description,
    annotations: { title: tool.title, ...tool.annotations },
    parameters: zodOf(tool.inputSchema),
    execute: async (args) => JSON.stringify(calculate(args))
  })
}
await server.start({ transportType: "httpStream", httpStream: { port, host: "127.0.0.1", stateless: true } })
