/** `supergateway` in front of server-everything, as its documentation has it: streamable HTTP, stateful. */

import { EVERYTHING } from "../gateway.ts"

process.argv.push(
  "--stdio",
  `${process.execPath} ${EVERYTHING}`,
  "--outputTransport",
  "streamableHttp",
  "--stateful",
  "--logLevel",
  "none",
  "--port",
  process.env.PORT ?? ""
)
await import("../../node_modules/supergateway/dist/index.js" as string)
