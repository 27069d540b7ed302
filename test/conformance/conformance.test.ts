import { spawn } from "node:child_process"
import { createServer, request as httpRequest } from "node:http"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { createMcpHandler, McpServer, type Tool } from "@modelcontextprotocol/server"
import { Effect, Layer } from "effect"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import { freePort, TestApp, testApp } from "../support/app.ts"
import { obtainTokens } from "../support/client.ts"
import { allow } from "../support/consent.ts"
import { TestDatabase } from "../support/postgres.ts"
import { withMore } from "../support/toolset.ts"
import * as Fixtures from "./fixtures.ts"

const SUITE = join(
  dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/conformance/package.json")),
  "dist/index.js"
)

/** What `tools/list` says of the fixtures, in the SDK's own words. */
const listing = Effect.promise(async () => {
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
const withToken = (port: number, token: string) =>
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
const suite = (args: ReadonlyArray<string>, onOutput: (output: string) => void = () => undefined) =>
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

const app = (MCP_FAST_LANE: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const listings = yield* listing
      const { capabilities, requestState, register } = Fixtures
      return testApp(
        TestDatabase.quick,
        { MCP_FAST_LANE },
        PublicWeb.layer,
        withMore({ capabilities, listings, requestState, register })
      )
    })
  )

const summaryOf = (output: string) => output.slice(output.indexOf("=== SUMMARY ==="))

/** Need requests from the server to the client on the 2025 wire, and so a session. We are stateless, on purpose. */
const SERVER_INITIATED = [
  "tools-call-sampling",
  "tools-call-elicitation",
  "elicitation-sep1034-defaults",
  "elicitation-sep1330-enums"
]

describe("conformance 0.2.0-alpha.12", () => {
  for (const [revision, lane, baseline] of [
    ["2026-07-28", "on", []],
    ["2026-07-28", "off", []],
    ["2025-11-25", "on", SERVER_INITIATED],
    ["2025-11-25", "off", SERVER_INITIATED]
  ] as const) {
    it.live(
      `everything that ${revision} requires of a server passes, the fast lane ${lane}${baseline.length > 0 ? ", but for what needs a session" : ""}`,
      () =>
        Effect.gen(function* () {
          const { port } = yield* TestApp
          const { access_token } = yield* obtainTokens({ scope: "mcp.tools.call mcp.web.read" })
          const proxy = yield* withToken(port, access_token)
          const { code, output } = yield* suite(["server", "--url", proxy.url, "--requirements", revision])
          const failed = [...summaryOf(output).matchAll(/✗ ([\w-]+):/g)].map(([, name]) => name)
          if (process.env.CONFORMANCE) console.log(output)
          assert.sameMembers(
            failed.filter((name) => !name?.startsWith("tasks-")),
            [...baseline],
            summaryOf(output)
          )
          assert.strictEqual(code, baseline.length === 0 ? 0 : 1, summaryOf(output))
        }).pipe(Effect.scoped, Effect.provide(app(lane))),
      { timeout: 180_000 }
    )
  }

  it.live(
    "the authorization server scenarios pass: metadata, client documents, code grant",
    () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const context = yield* Effect.context<TestApp>()
        const run = Effect.runPromiseWith(context)
        let visited = false
        const { code, output } = yield* suite(
          ["authorization", "--url", baseUrl, "--client-id", "demo", "-p", String(yield* freePort)],
          (sofar) => {
            const url = /(http:\/\/localhost:\d+\/authorize\?\S+)/.exec(sofar)?.[1]
            if (url === undefined || visited) return
            visited = true
            run(Effect.flatMap(allow(new URL(url)), (location) => Effect.promise(() => fetch(location))))
          }
        )
        if (process.env.CONFORMANCE) console.log(output)
        assert.strictEqual(code, 0, output)
        assert.isTrue(visited)
        assert.notMatch(output, /FAILURE|WARNING/)
      }).pipe(Effect.provide(testApp(TestDatabase.quick))),
    { timeout: 120_000 }
  )
})
