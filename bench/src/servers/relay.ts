/** The least that a gateway can be: `node:http`, and the SDK's client that calls the child. It checks nothing. */

import { createServer } from "node:http"
import { Client } from "@modelcontextprotocol/client"
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio"
import { EVERYTHING } from "../gateway.ts"

const client = new Client({ name: "relay", version: "1" })
await client.connect(new StdioClientTransport({ command: process.execPath, args: [EVERYTHING], stderr: "ignore" }))

createServer((request, response) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk) => chunks.push(chunk))
  request.on("end", async () => {
    const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString())
    const isCall = method === "tools/call"
    const result = isCall ? await client.callTool({ name: params.name, arguments: params.arguments }) : {}
    const body = JSON.stringify({ jsonrpc: "2.0", id, result })
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body)
  })
}).listen(Number(process.env.PORT), "127.0.0.1")
