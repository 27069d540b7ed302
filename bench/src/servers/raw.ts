/** What `node:http` can do at most: parse the request, answer with the bytes of a right answer. */

import { createServer } from "node:http"
import { calculate, port, tools } from "../tools.ts"

const structuredContent = calculate({ expression: "0.1 + 0.2" })
const results: Readonly<Record<string, unknown>> = {
  "tools/call": { structuredContent, content: [{ type: "text", text: JSON.stringify(structuredContent) }] },
  "tools/list": { tools }
}

createServer((request, response) => {
  let body = ""
  request.setEncoding("utf8")
  request.on("data", (chunk) => {
    body += chunk
  })
  request.on("end", () => {
    const { id, method } = JSON.parse(body)
    const answer = JSON.stringify({ jsonrpc: "2.0", id, result: results[method] })
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(answer) })
    response.end(answer)
  })
}).listen(port, "127.0.0.1")
