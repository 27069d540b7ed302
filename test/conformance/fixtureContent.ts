/** Resources, prompts and completion for the conformance suite. */

import {
  acceptedContent,
  fromJsonSchema,
  inputRequired,
  type McpServer,
  ResourceTemplate
} from "@modelcontextprotocol/server"
/** 1 by 1 pixel. */
export const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="

export const registerResources = (server: McpServer): void => {
  const resource = (name: string, uri: string, mimeType: string, body: { text: string } | { blob: string }) =>
    server.registerResource(name, uri, { title: name, description: `The resource ${uri}`, mimeType }, () => ({
      contents: [{ uri, mimeType, ...body }]
    }))
  resource("static-text", "test://static-text", "text/plain", {
    text: "This is the content of the static text resource."
  })
  resource("static-binary", "test://static-binary", "image/png", { blob: PNG })
  resource("watched-resource", "test://watched-resource", "text/plain", { text: "Watched resource content" })
  server.registerResource(
    "template",
    new ResourceTemplate("test://template/{id}/data", { list: undefined }),
    { title: "template", description: "A resource with a parameter", mimeType: "application/json" },
    (uri, { id }) => ({
      contents: [
        {
          uri: uri.href,
          mimeType: "application/json",
          text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` })
        }
      ]
    })
  )
  server.server.setRequestHandler("resources/subscribe", () => ({}))
  server.server.setRequestHandler("resources/unsubscribe", () => ({}))
}

const answer = (...content: ReadonlyArray<object>) => ({
  // Shapes of the specification, written out by hand.
  messages: content.map((part) => ({ role: "user" as const, content: part as { type: "text"; text: string } }))
})
const strings = (...names: ReadonlyArray<string>) =>
  fromJsonSchema<Record<string, string>>({
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name, { type: "string", description: `The ${name}` }])),
    required: [...names]
  })

export const registerPrompts = (server: McpServer): void => {
  server.registerPrompt("test_simple_prompt", { description: "Without arguments" }, () =>
    answer({ type: "text", text: "This is a simple prompt for testing." })
  )
  server.registerPrompt(
    "test_prompt_with_arguments",
    { description: "With two arguments", argsSchema: strings("arg1", "arg2") },
    ({ arg1, arg2 }) => answer({ type: "text", text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` })
  )
  server.registerPrompt(
    "test_prompt_with_embedded_resource",
    { description: "With a resource", argsSchema: strings("resourceUri") },
    ({ resourceUri }) =>
      answer(
        {
          type: "resource",
          resource: { uri: resourceUri, mimeType: "text/plain", text: "Embedded resource content for testing." }
        },
        { type: "text", text: "Please process the embedded resource above." }
      )
  )
  server.registerPrompt("test_prompt_with_image", { description: "With an image" }, () =>
    answer(
      { type: "image", data: PNG, mimeType: "image/png" },
      { type: "text", text: "Please analyze the image above." }
    )
  )
  server.registerPrompt("test_input_required_result_prompt", { description: "Asks first" }, ({ mcpReq }) => {
    const context = acceptedContent(mcpReq.inputResponses, "user_context")?.context
    if (context !== undefined) return answer({ type: "text", text: `The context is ${context}.` })
    return inputRequired({
      inputRequests: {
        user_context: inputRequired.elicit({
          message: "What context should the prompt use?",
          requestedSchema: { type: "object", properties: { context: { type: "string" } }, required: ["context"] }
        })
      }
    })
  })
  server.server.setRequestHandler("completion/complete", () => ({
    completion: { values: [], total: 0, hasMore: false }
  }))
  server.server.setRequestHandler("logging/setLevel", () => ({}))
}
