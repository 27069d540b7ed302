/** Effect's own McpServer over its HTTP layer, for the 2026 era: the older ones need sessions there. */

import { createServer } from "node:http"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Schema } from "effect"
import { McpProtocol, McpServer, Tool, Toolkit } from "effect/ai"
import { HttpRouter } from "effect/http"
import { calculate, port } from "../tools.ts"

const Answer = Schema.Struct({ expression: Schema.String, result: Schema.String })
const Calculator = Tool.make("calculator", {
  description: "Works out an arithmetic expression in exact decimals.",
  parameters: Schema.Struct({ expression: Schema.String.check(Schema.isBetweenLength(1, 512)) }),
  success: Answer
})
const toolkit = Toolkit.make(Calculator)
const handlers = toolkit.toLayer({
  calculator: (args) => Effect.sync(() => calculate(args) as typeof Answer.Type)
})

const mcp = McpServer.layerHttp({
  name: "effect",
  version: "1.0.0",
  path: "/mcp",
  protocols: [McpProtocol.v2026_07_28],
  registrations: McpServer.toolkit(toolkit).pipe(Layer.provide(handlers))
})

HttpRouter.serve(mcp, { disableLogger: true, disableListenLog: true }).pipe(
  Layer.provide(NodeHttpServer.layer(createServer, { port, host: "127.0.0.1" })),
  Layer.launch,
  NodeRuntime.runMain
)
