/** An MCP server on its standard streams with one tool, which it never answers: all calls of it wait. */

import { createInterface } from "node:readline"

const answers: Readonly<Record<string, object>> = {
  initialize: {
    protocolVersion: "2025-11-25",
    capabilities: { tools: {} },
    serverInfo: { name: "hung", version: "1" }
  },
  ping: {},
  "tools/list": { tools: [{ name: "never", description: "Never answers.", inputSchema: { type: "object" } }] }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method } = JSON.parse(line)
  if (id === undefined || method === "tools/call") continue
  const result = answers[method]
  const answer = result === undefined ? { error: { code: -32601, message: "Method not found" } } : { result }
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...answer })}\n`)
}
