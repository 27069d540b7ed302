/** `mcp-proxy` in front of server-everything, as its documentation has it: streamable HTTP, a session for each client. */

import { EVERYTHING } from "../gateway.ts"

process.argv.push(
  "--port",
  process.env.PORT ?? "",
  "--host",
  "127.0.0.1",
  "--server",
  "stream",
  "--",
  process.execPath,
  EVERYTHING
)
await import("../../node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs" as string)
