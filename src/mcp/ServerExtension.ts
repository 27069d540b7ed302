import type { Tool as Listing, McpServer, ServerCapabilities, ServerOptions } from "@modelcontextprotocol/server"
import { Context } from "effect"

/**
 * More of the protocol than tools, put on the SDK's own server: prompts, resources, completion. Nothing by default.
 * `tools` are the entries that `tools/list` gets from it.
 */
export interface Extension {
  readonly capabilities: ServerCapabilities
  readonly tools: ReadonlyArray<Listing>
  /** How a state that came back from a client is verified, when tools keep one between rounds. */
  readonly requestState?: NonNullable<ServerOptions["requestState"]>
  readonly register: (server: McpServer) => void
}
export class ServerExtension extends Context.Reference<Extension | undefined>("gatehouse/mcp/ServerExtension", {
  defaultValue: () => undefined
}) {}
