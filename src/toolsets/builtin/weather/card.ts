/** The weather as a card: an MCP App (SEP-1865), for clients that show them; the others read the text. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { App } from "../../tool.ts"

export const weatherCard: App = {
  uri: "ui://gatehouse/weather.html",
  title: "Weather card",
  csp: {},
  html: readFileSync(join(import.meta.dirname, "card.html"), "utf8")
}
