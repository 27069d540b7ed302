// embedded.ts
import { serve, tool } from "gatehouse-server"
import { z } from "zod"

const greet = tool({
  name: "greet",
  title: "Greet",
  description: "Greets somebody by name.",
  hints: { readOnly: true, openWorld: false },
  input: z.object({ name: z.string() }),
  run: ({ name }) => `Good morning, ${name}!`
})

const server = await serve({ tools: [greet] })
console.log(`Tools are served on ${server.url}/mcp`)

process.once("SIGTERM", () => server.close())
