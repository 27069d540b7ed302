/** The conformance suite as a program, and what it needs around it. */

import { spawn } from "node:child_process"
import { createServer, request as httpRequest } from "node:http"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { createMcpHandler, McpServer, type Tool } from "@modelcontextprotocol/server"
import { Effect } from "effect"
import * as Fixtures from "./fixtures.ts"

const SUITE = join(
  dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json")),
  "dist/index.js"
)

/** What `tools/list` says of the fixtures, in the SDK's own words. */
export const listing = Effect.promise(async () => {
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: "fixtures", version: "1" }, { capabilities: Fixtures.capabilities })
    Fixtures.register(server)
    return server
  })
  const response = await handler.fetch(
    new Request("http://localhost/mcp", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} })
    })
  )
  const message = JSON.parse(/^data: (.+)$/m.exec(await response.text())?.[1] ?? "{}")
  await handler.close()
  return message.result.tools as ReadonlyArray<Tool>
})

/** The suite cannot carry a token: this passes everything on, and adds one. */
export const withToken = (port: number, token: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const server = createServer((inbound, outbound) => {
        const upstream = httpRequest(
          {
            host: "127.0.0.1",
            port,
            method: inbound.method,
            path: inbound.url,
            headers: { ...inbound.headers, authorization: `Bearer ${token}` }
          },
          (answer) => {
            outbound.writeHead(answer.statusCode ?? 502, answer.headers)
            answer.pipe(outbound)
          }
        )
        upstream.on("error", () => outbound.destroy())
        outbound.on("close", () => upstream.destroy())
        inbound.pipe(upstream)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const proxyPort = typeof address === "object" ? address?.port : 0
        resume(
          Effect.succeed({
            url: `http://127.0.0.1:${proxyPort}/mcp`,
            close: () => {
              server.closeAllConnections()
              server.close()
            }
          })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  )

/** Runs the suite; `onOutput` sees what it prints as it comes. */
export const suite = (args: ReadonlyArray<string>, onOutput: (output: string) => void = () => undefined) =>
  Effect.callback<{ readonly code: number | null; readonly output: string }>((resume) => {
    const child = spawn(process.execPath, [SUITE, ...args], { stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += chunk
        onOutput(output)
      })
    }
    child.once("close", (code) => resume(Effect.succeed({ code, output })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

/** What failed and what did not, at its end. */
export const summaryOf = (output: string) => output.slice(output.indexOf("=== SUMMARY ==="))
