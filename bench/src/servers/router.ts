/** What Effect's `HttpRouter` on Node can do at most: read the request, answer with the bytes of a right answer. */

import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { readText } from "../../../src/web/body.ts"
import { calculate, port, tools } from "../tools.ts"

const structuredContent = calculate({ expression: "0.1 + 0.2" })
const results: Readonly<Record<string, unknown>> = {
  "tools/call": { structuredContent, content: [{ type: "text", text: JSON.stringify(structuredContent) }] },
  "tools/list": { tools }
}

const echo = HttpServerRequest.HttpServerRequest.use((request) =>
  Effect.map(readText(request, 1024 * 1024), (body) => {
    const { id, method } = JSON.parse(body)
    return HttpServerResponse.text(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] }), {
      contentType: "application/json"
    })
  })
)

HttpRouter.use((router) => router.add("POST", "/mcp", Effect.orDie(echo))).pipe(
  (routes) => HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }),
  Layer.provide(NodeHttpServer.layer(() => createServer(), { port, host: "127.0.0.1" })),
  Layer.launch,
  Effect.runFork
)
