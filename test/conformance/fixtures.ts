/** What the conformance suite expects a server to offer, beside our own tools: by name, as its scenarios describe it. */

import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  fromJsonSchema,
  type InputRequests,
  inputRequired,
  type McpServer,
  type ServerCapabilities,
  type ServerContext
} from "@modelcontextprotocol/server"
import { PNG, registerPrompts, registerResources } from "./fixtureContent.ts"

/** An empty sound. */
const WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="

export const capabilities: ServerCapabilities = {
  logging: {},
  completions: {},
  prompts: { listChanged: false },
  resources: { subscribe: true, listChanged: false }
}

const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] })
const NOTHING = fromJsonSchema({ type: "object", properties: {} })
const pause = () => new Promise((resolve) => setTimeout(resolve, 50))

const content = (server: McpServer) => {
  const tool = (name: string, description: string, answer: () => object) =>
    server.registerTool(name, { description, inputSchema: NOTHING }, () => answer() as ReturnType<typeof text>)
  tool("test_simple_text", "Answers text", () => text("This is a simple text response for testing."))
  tool("test_image_content", "Answers an image", () => ({
    content: [{ type: "image", data: PNG, mimeType: "image/png" }]
  }))
  tool("test_audio_content", "Answers a sound", () => ({
    content: [{ type: "audio", data: WAV, mimeType: "audio/wav" }]
  }))
  tool("test_embedded_resource", "Answers a resource", () => ({
    content: [
      {
        type: "resource",
        resource: {
          uri: "test://embedded-resource",
          mimeType: "text/plain",
          text: "This is an embedded resource content."
        }
      }
    ]
  }))
  tool("test_multiple_content_types", "Answers text, an image and a resource", () => ({
    content: [
      { type: "text", text: "Multiple content types test:" },
      { type: "image", data: PNG, mimeType: "image/png" },
      {
        type: "resource",
        resource: {
          uri: "test://mixed-content-resource",
          mimeType: "application/json",
          text: '{"test":"data","value":123}'
        }
      }
    ]
  }))
  tool("test_error_handling", "Fails", () => ({
    isError: true,
    ...text("This tool intentionally returns an error for testing")
  }))
  tool("test_streaming_elicitation", "Answers plainly: a server sends no request of its own", () =>
    text("A plain result.")
  )
}

const streaming = (server: McpServer) => {
  server.registerTool(
    "test_tool_with_logging",
    { description: "Logs three messages", inputSchema: NOTHING },
    async (_, { mcpReq }) => {
      for (const message of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
        await mcpReq.log("info", message)
        await pause()
      }
      return text("Tool with logging executed successfully")
    }
  )
  server.registerTool(
    "test_logging_tool",
    { description: "Logs one message, if logs are wanted", inputSchema: NOTHING },
    async (_, { mcpReq }) => {
      await mcpReq.log("info", "a message")
      return text("Logged.")
    }
  )
  server.registerTool(
    "test_tool_with_progress",
    { description: "Reports progress", inputSchema: NOTHING },
    async (_, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken
      for (const progress of progressToken === undefined ? [] : [0, 50, 100]) {
        await mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken, progress, total: 100, message: `Completed step ${progress} of 100` }
        })
        await pause()
      }
      return text(String(progressToken))
    }
  )
}

const schemas = (server: McpServer) => {
  server.registerTool(
    "json_schema_2020_12_tool",
    {
      description: "Has a schema that uses what JSON Schema 2020-12 offers",
      inputSchema: fromJsonSchema({
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        $defs: {
          address: {
            $anchor: "addressDef",
            type: "object",
            properties: { street: { type: "string" }, city: { type: "string" } }
          }
        },
        properties: {
          name: { type: "string" },
          address: { $ref: "#/$defs/address" },
          contactMethod: { type: "string", enum: ["phone", "email"] },
          phone: { type: "string" },
          email: { type: "string" }
        },
        allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
        if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: { required: ["phone"] },
        else: { required: ["email"] },
        additionalProperties: false
      })
    },
    (args) => text(JSON.stringify(args))
  )
  server.registerTool(
    "test_x_mcp_header",
    {
      description: "Takes a region that is told in a header too",
      inputSchema: fromJsonSchema({
        type: "object",
        // An extension keyword, which the type of JSON Schema does not know.
        properties: { region: { type: "string", "x-mcp-header": "Region" } as { type: "string" } }
      })
    },
    (args) => text(JSON.stringify(args))
  )
}

const states = createRequestStateCodec<string>({ key: "a key of the conformance fixtures, 32 bytes or more" })
const minted = (step: string) => states.mint(step)

const question = (message: string, name: string, type: "string" | "boolean" = "string") =>
  inputRequired.elicit({
    message,
    requestedSchema: {
      type: "object",
      properties: { [name]: type === "string" ? { type: "string" } : { type: "boolean" } },
      required: [name]
    }
  })
const sampling = (words: string, maxTokens: number) =>
  inputRequired.createMessage({ messages: [{ role: "user", content: { type: "text", text: words } }], maxTokens })

/** A state that we did not mint is refused before a tool sees it. */
export const requestState = { verify: states.verify }

/** The step that the client came back with. */
const stepOf = (ctx: ServerContext) => ctx.mcpReq.requestState<string>()

const capabilitiesOf = (ctx: ServerContext): object =>
  Object((ctx.mcpReq.envelope as Readonly<Record<string, unknown>>)?.[CLIENT_CAPABILITIES_META_KEY])

const rounds = (server: McpServer) => {
  const tool = (
    name: string,
    description: string,
    answer: (ctx: ServerContext, responses: Record<string, unknown>) => Promise<object> | object
  ) =>
    server.registerTool(
      `test_input_required_result_${name}`,
      { description, inputSchema: NOTHING },
      (_, ctx) => answer(ctx, ctx.mcpReq.inputResponses ?? {}) as ReturnType<typeof text>
    )
  const ask = (inputRequests: InputRequests, requestState?: string) =>
    inputRequired({ inputRequests, ...(requestState === undefined ? {} : { requestState }) })
  const NAME = question("What is your name?", "name")

  tool("elicitation", "Asks for a name", (_, responses) => {
    const name = acceptedContent(responses, "user_name")?.name
    return typeof name === "string" ? text(`Hello, ${name}!`) : ask({ user_name: NAME })
  })
  tool("sampling", "Asks a model", (_, { capital_question: answer }) =>
    answer === undefined
      ? ask({ capital_question: sampling("What is the capital of France?", 100) })
      : text(JSON.stringify(answer))
  )
  tool("list_roots", "Asks for roots", (_, { client_roots: roots }) =>
    roots === undefined ? ask({ client_roots: inputRequired.listRoots() }) : text(JSON.stringify(roots))
  )
  tool("request_state", "Keeps a state between rounds", async (ctx, { confirm }) =>
    stepOf(ctx) === "asked" && confirm !== undefined
      ? text("state-ok")
      : ask({ confirm: question("Please confirm", "ok", "boolean") }, await minted("asked"))
  )
  tool("tampered_state", "Refuses a state that was changed", async (ctx, { confirm }) =>
    stepOf(ctx) === "asked" && confirm !== undefined
      ? text("state-ok")
      : ask({ confirm: question("Please confirm", "ok", "boolean") }, await minted("asked"))
  )
  tool("multiple_inputs", "Asks for three things at once", async (_, responses) => {
    const { user_name, greeting, client_roots } = responses
    return user_name && greeting && client_roots
      ? text("All inputs received")
      : ask(
          { user_name: NAME, greeting: sampling("Generate a greeting", 50), client_roots: inputRequired.listRoots() },
          await minted("asked")
        )
  })
  tool("multi_round", "Asks twice", async (ctx, responses) => {
    const step = stepOf(ctx)
    if (step === "two" && responses.step2) return text("Both steps are done")
    return step === "one" && responses.step1
      ? ask({ step2: question("Step 2: What is your favorite color?", "color") }, await minted("two"))
      : ask({ step1: question("Step 1: What is your name?", "name") }, await minted("one"))
  })
  tool("capabilities", "Asks only for what the client can do", (ctx) => {
    const can = capabilitiesOf(ctx)
    return ask({
      ...("elicitation" in can ? { user_name: NAME } : {}),
      ...("sampling" in can ? { capital_question: sampling("What is the capital of France?", 100) } : {})
    })
  })
  server.registerTool(
    "test_missing_capability",
    { description: "Needs a client that samples", inputSchema: NOTHING },
    // The SDK refuses to ask for what the client did not declare.
    () => inputRequired({ inputRequests: { greeting: sampling("Generate a greeting", 50) } })
  )
}

/** On the 2025 wire these need requests from the server to the client, and so a session: see the baseline. */
const serverInitiated = (server: McpServer) => {
  for (const [name, argument] of [
    ["test_sampling", "prompt"],
    ["test_elicitation", "message"],
    ["test_elicitation_sep1034_defaults", undefined],
    ["test_elicitation_sep1330_enums", undefined]
  ] as const) {
    const properties = argument === undefined ? {} : { [argument]: { type: "string" as const } }
    server.registerTool(
      name,
      { description: "Needs a request from the server", inputSchema: fromJsonSchema({ type: "object", properties }) },
      () => ({ isError: true, ...text("This server sends no requests of its own.") })
    )
  }
}

/** Everything, on the SDK's server of one request. */
export const register = (server: McpServer): void => {
  content(server)
  streaming(server)
  schemas(server)
  rounds(server)
  serverInitiated(server)
  registerResources(server)
  registerPrompts(server)
}
