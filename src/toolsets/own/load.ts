/** Tools of a folder: every file of it, and what it exports. */

import { readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { Effect, Result, Schema } from "effect"
import { isTool } from "../declare.ts"
import { isPrompt, type Prompt } from "../prompt.ts"
import { isResource, type Resource } from "../resource.ts"
import type { Card, Declared } from "../tool.ts"
import { resolveOurselves, versioned } from "./modules.ts"

/** What cannot be offered. Each problem begins with the file that it is in. */
export class ToolsInvalid extends Schema.TaggedError<ToolsInvalid>()("ToolsInvalid", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return `the tools are not usable:\n${this.problems.map((problem) => `  - ${problem}`).join("\n")}`
  }
}

/** What was declared, and where. */
export interface From<A> {
  readonly it: A
  /** The file as people know it; `the program` for what was handed over. */
  readonly origin: string
  /** The module, for what has one. */
  readonly url?: string
}

export interface Loaded {
  readonly tools: ReadonlyArray<From<Declared>>
  readonly prompts: ReadonlyArray<From<Prompt>>
  readonly resources: ReadonlyArray<From<Resource>>
}

export const NOTHING_LOADED: Loaded = { tools: [], prompts: [], resources: [] }

export const together = (one: Loaded, other: Loaded): Loaded => ({
  tools: [...one.tools, ...other.tools],
  prompts: [...one.prompts, ...other.prompts],
  resources: [...one.resources, ...other.resources]
})

/** Modules, but no types, no tests, and nothing that begins with `_` or `.`. */
const isModule = (file: string) =>
  /\.(ts|mts|js|mjs)$/.test(file) && !/\.d\.m?ts$|\.(test|spec)\.\w+$/.test(file) && !/^[._]/.test(file)

/** Why a module does not load; where, too, if it is not well-formed, which only the stack tells. */
const reasonOf = (cause: unknown) => {
  if (!(cause instanceof Error)) return String(cause)
  const [, line] = /:(\d+)(?::\d+)?$/.exec(cause.stack?.split("\n", 1)[0] ?? "") ?? []
  return cause instanceof SyntaxError && line !== undefined ? `line ${line}: ${cause.message}` : cause.message
}

/** The whole of a folder, or all that is wrong with it. `version` tells a module from the one before it changed. */
export const loadFolder = Effect.fn("tools.loadFolder")(function* (
  folder: { readonly path: string; readonly isSaid: boolean },
  version = 0
) {
  if (statSync(folder.path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    if (!folder.isSaid) return NOTHING_LOADED
    return yield* new ToolsInvalid({ problems: [`TOOLS_DIR: there is no folder ${folder.path}`] })
  }
  resolveOurselves()
  const files = readdirSync(folder.path).filter(isModule).sort()
  const loads = yield* Effect.forEach(files, (file) => Effect.result(loadFile(join(folder.path, file), version)))
  const problems = loads.flatMap((load) => (Result.isFailure(load) ? [load.failure] : []))
  if (problems.length > 0) return yield* new ToolsInvalid({ problems })
  return loads.flatMap((load) => (Result.isSuccess(load) ? [load.success] : [])).reduce(together, NOTHING_LOADED)
})

/** One file; one after the other, so that what they print is in their order. */
const loadFile = Effect.fnUntraced(function* (file: string, version: number) {
  const url = versioned(pathToFileURL(resolve(file)).href, version)
  const module: Readonly<Record<string, unknown>> = yield* Effect.tryPromise({
    try: () => import(url),
    catch: (cause) => `${file}: ${reasonOf(cause)}`
  })
  const exported = [...new Set(Object.values(module))]
  const from = <A>(it: A): From<A> => ({ it, origin: file, url })
  const loaded: Loaded = {
    tools: yield* Effect.forEach(exported.filter(isTool), (tool) => Effect.map(withCard(tool, file), from)),
    prompts: exported.filter(isPrompt).map(from),
    resources: exported.filter(isResource).map(from)
  }
  if (loaded.tools.length + loaded.prompts.length + loaded.resources.length === 0) {
    return yield* Effect.fail(`${file}: exports no tool, prompt or resource (a helper's name begins with _)`)
  }
  return loaded
})

const pathOf = ({ file }: Card, from: string) =>
  file instanceof URL || file.startsWith("file:") ? fileURLToPath(file) : resolve(dirname(from), file)

/** A tool with its card's HTML. */
export const withCard = (tool: Declared, from: string): Effect.Effect<Declared, string> => {
  const { card } = tool
  if (card === undefined) return Effect.succeed(tool)
  return Effect.try({
    try: () => ({
      ...tool,
      app: {
        uri: `ui://tools/${tool.name}.html`,
        title: card.title ?? tool.title,
        html: readFileSync(pathOf(card, from), "utf8"),
        csp: card.csp ?? {}
      }
    }),
    catch: (cause) => `${from}: tool ${JSON.stringify(tool.name)}: its card cannot be read: ${reasonOf(cause)}`
  })
}
