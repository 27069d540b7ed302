/** Cards that clients show with a tool's result, as resources: MCP Apps (SEP-1865). */

import type { McpServer } from "@modelcontextprotocol/server"
import { onePage } from "./onePage.ts"
import type { More } from "./Toolset.ts"
import type { App } from "./tool.ts"

const APP_TYPE = "text/html;profile=mcp-app"

const registerCard = (server: McpServer, { uri, title, html, csp }: App) =>
  server.registerResource(title, uri, { title, mimeType: APP_TYPE }, () => ({
    contents: [{ uri, mimeType: APP_TYPE, text: html, _meta: { ui: { prefersBorder: true, csp } } }]
  }))

export const cards = (apps: ReadonlyArray<App>): More => {
  const resources = apps.map(({ uri, title }) => ({ uri, name: title, title, mimeType: APP_TYPE }))
  return {
    capabilities: { resources: { listChanged: false } },
    listings: [],
    register: (server) => {
      for (const app of apps) registerCard(server, app)
      server.server.setRequestHandler("resources/list", onePage({ resources }))
      server.server.setRequestHandler("resources/templates/list", onePage({ resourceTemplates: [] }))
    }
  }
}
