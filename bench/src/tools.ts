/** What every contender serves: Gatehouse's own list of tools, and its calculator. */

import { Result } from "effect"
import { z } from "zod"
import * as Gatehouse from "../../src/toolsets/builtin/builtin.ts"
import { calculation } from "../../src/toolsets/builtin/calculator/calculator.ts"

export interface BenchTool {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly annotations: Record<string, boolean>
  readonly inputSchema: Record<string, unknown>
  readonly outputSchema: Record<string, unknown>
}

export const tools: ReadonlyArray<BenchTool> = Gatehouse.tools.map((tool) => ({
  ...tool,
  annotations: { ...tool.annotations },
  inputSchema: { ...tool.inputSchema },
  outputSchema: { ...tool.outputSchema }
}))

/** JSON Schema as a peer's library wants it. */
export const zodOf = (schema: Record<string, unknown>) => z.fromJSONSchema(schema) as z.ZodObject

/** The one tool that is called. */
export const calculate = (args: unknown): Record<string, unknown> =>
  Result.getOrThrow(calculation(String((args as { readonly expression: unknown }).expression)))

export const port = Number(process.env.PORT)
