/** The calculator as a developer would bring it: a file, zod, and a promise. */

import { tool } from "gatehouse-server"
import { z } from "zod"
import { calculate } from "../tools.ts"

export default tool({
  name: "calculator",
  title: "Calculator",
  description: "Works out an arithmetic expression.",
  hints: { readOnly: true, idempotent: true, openWorld: false },
  input: z.object({ expression: z.string().min(1).max(512) }),
  output: z.object({ expression: z.string(), result: z.string() }),
  run: async ({ expression }) => calculate({ expression }) as { expression: string; result: string }
})
