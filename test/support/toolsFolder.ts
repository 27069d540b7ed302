/** A folder of tools, as somebody has it who writes some: the server runs beside it, as a process. */

import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import type { SqlClient } from "effect/sql"
import { freePort, TestApp } from "./app.ts"
import { ready, run, start, temporaryFolder } from "./program.ts"

export type Files = Readonly<Record<string, string>>

export const write = (folder: string, files: Files) =>
  Effect.sync(() => {
    for (const [name, text] of Object.entries(files)) {
      const path = join(folder, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    }
  })

/** A file with one tool: `run` is its code, `more` other members, `head` what stands before it. */
export const toolFile = (name: string, run: string, more = "", head = "") => `
import { content, text, tool, ToolFailure } from "gatehouse-server"
${head}
export default tool({
  name: "${name}",
  title: "Title of ${name}",
  description: "Description.",
  hints: { readOnly: true, openWorld: false },
  ${more}
  run: ${run}
})
`

/** `npm run tools` over these files. */
export const tools = Effect.fn("test.tools")(function* (
  files: Files,
  args: ReadonlyArray<string> = [],
  env: Readonly<Record<string, string>> = {}
) {
  const folder = yield* temporaryFolder
  yield* write(folder, files)
  const { code, output } = yield* run("app/programs/tools.ts", { TOOLS_DIR: folder, ...env }, args)
  return { code, output: output.replaceAll(folder, "tools") }
}, Effect.scoped)

/** What stands in the output as JSON. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into results of every shape
export const jsonOf = (output: string): any => JSON.parse(/^\{[\s\S]*^\}$/m.exec(output)?.[0] ?? "null")

/** `npm run dev` beside these files, with the quiet part of its answers in hand; `folder` is theirs. */
export const devServer = Effect.fn("test.devServer")(function* (
  files: Files,
  env: Readonly<Record<string, string>> = {}
) {
  const folder = yield* temporaryFolder
  const data = yield* temporaryFolder
  yield* write(folder, files)
  const port = yield* freePort
  const baseUrl = `http://localhost:${port}`
  const program = yield* start("app/programs/dev.ts", {
    PORT: String(port),
    DATA_DIR: data,
    TOOLS_DIR: folder,
    LOG_FORMAT: "json",
    RATE_LIMIT_ENABLED: "false",
    ...env
  })
  yield* ready(baseUrl, program)
  return { folder, program, port, baseUrl }
})

/** Against a server that is a process: its database is its own, and nobody here asks it anything. */
export const against = <A, E, R>(
  { baseUrl, port }: { readonly baseUrl: string; readonly port: number },
  effect: Effect.Effect<A, E, R>
) => Effect.provideService(effect, TestApp, { baseUrl, port, sql: undefined as unknown as SqlClient.SqlClient })
