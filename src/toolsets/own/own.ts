/** Everybody's own tools beside those that come along: from a folder, and from the program that embeds the server. */

import { mkdirSync, watch } from "node:fs"
import { resolve } from "node:path"
import { Context, Effect, Layer, Queue, Redacted, type Scope } from "effect"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { builtin, layer, PURPOSES } from "../builtin/builtin.ts"
import { offeringOf } from "../offering.ts"
import type { Prompt } from "../prompt.ts"
import type { Resource } from "../resource.ts"
import { type Offering, Toolset } from "../Toolset.ts"
import { type Declared, place, type Tool } from "../tool.ts"
import { isolate } from "./isolation.ts"
import { watchLoop } from "./lateness.ts"
import { type From, type Loaded, loadFolder, ToolsInvalid, together, withCard } from "./load.ts"

/** What a program hands over beside the folder. */
export interface Given {
  readonly tools?: ReadonlyArray<Declared>
  readonly prompts?: ReadonlyArray<Prompt>
  readonly resources?: ReadonlyArray<Resource>
}

/** Whether a change of the folder is live at once: for whoever writes tools, not for whoever runs them. */
export class Reloading extends Context.Reference<boolean>("gatehouse/toolsets/Reloading", {
  defaultValue: () => false
}) {}

const HANDED_OVER = "the program"

const handedOver = ({ tools = [], prompts = [], resources = [] }: Given): Loaded => {
  const from = <A>(it: A): From<A> => ({ it, origin: HANDED_OVER })
  return { tools: tools.map(from), prompts: prompts.map(from), resources: resources.map(from) }
}

/** Two of one name: an app could call but one of them. */
const clashes = (kind: string, named: ReadonlyArray<{ readonly name: string; readonly origin: string }>) => {
  const origins = new Map<string, string>()
  return named.flatMap(({ name, origin }) => {
    const first = origins.get(name)
    origins.set(name, first ?? origin)
    return first === undefined ? [] : [`${kind} ${JSON.stringify(name)} is in ${first} and in ${origin}`]
  })
}

const BUILT_IN = "Gatehouse itself (BUILT_IN_TOOLS chooses which of them stay)"

const problemsOf = (built: ReadonlyArray<Tool>, { tools, prompts, resources }: Loaded) => [
  ...clashes("tool", [
    ...built.map(({ name }) => ({ name, origin: BUILT_IN })),
    ...tools.map(({ it: { name }, origin }) => ({ name, origin }))
  ]),
  ...clashes(
    "prompt",
    prompts.map(({ it: { name }, origin }) => ({ name, origin }))
  ),
  ...clashes(
    "resource",
    resources.map(({ it: { uri }, origin }) => ({ name: uri, origin }))
  )
]

/** The declarations of the folder and of the program, or all that is wrong with them. */
export const declaredTools = Effect.fn("tools.declared")(function* (given: Given, version = 0) {
  const { toolsDir } = yield* ServerConfig
  const built = yield* builtin
  const loaded = together(yield* loadFolder(toolsDir, version), handedOver(given))
  const problems = problemsOf(built, loaded)
  if (problems.length > 0) return yield* new ToolsInvalid({ problems })
  return { built, loaded }
})

const secretsOf = Effect.map(ServerConfig, ({ secrets }) =>
  Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, Redacted.value(value)]))
)

/** A tool in its place: with its card, its thread if it wants one, and what it may read of the environment. */
const placed = Effect.fnUntraced(function* ({ it, origin, url }: From<Declared>) {
  const secrets = yield* secretsOf
  const tool = yield* Effect.mapError(
    withCard(it, resolve(origin)),
    (problem) => new ToolsInvalid({ problems: [problem] })
  )
  const secret = (name: string) => secrets[name]
  if (tool.isolate === undefined) return place(tool, { secret })
  if (url === undefined) {
    const problem = `tool ${JSON.stringify(tool.name)}: only a tool in a file of TOOLS_DIR can have a thread of its own`
    return yield* new ToolsInvalid({ problems: [problem] })
  }
  return place(tool, { secret, aside: yield* isolate(tool, tool.isolate.memoryMb, url, secrets) })
})

const tellNotes = ({ tools }: Loaded) =>
  Effect.forEach(tools, ({ it: { name, notes }, origin }) =>
    Effect.forEach(notes, (note) => Effect.logWarning(`${origin}: tool ${JSON.stringify(name)}: ${note}`))
  )

/** Told of every change below a folder, and of many that belong together once. */
const changesOf = (folder: string) =>
  Effect.gen(function* () {
    mkdirSync(folder, { recursive: true })
    const changes = yield* Queue.sliding<void>(1)
    yield* Effect.acquireRelease(
      Effect.sync(() => watch(folder, { recursive: true }, () => Queue.offerUnsafe(changes, undefined))),
      (watcher) => Effect.sync(() => watcher.close())
    )
    // An editor writes a file in several steps.
    return Effect.andThen(Queue.take(changes), Effect.delay(Queue.clear(changes), "30 millis"))
  })

/** The server's tools. What their authors should know of them is told once. */
export const Tools = (given: Given = {}, { isQuiet }: { readonly isQuiet: boolean } = { isQuiet: false }) =>
  Layer.effect(
    Toolset,
    Effect.gen(function* () {
      const { toolsDir, worker } = yield* ServerConfig
      const around = yield* watchLoop
      const offer = Effect.fnUntraced(function* (
        version: number
      ): Effect.fn.Return<
        Offering,
        Effect.Error<ReturnType<typeof declaredTools>>,
        Effect.Services<ReturnType<typeof declaredTools>> | Scope.Scope
      > {
        const { built, loaded } = yield* declaredTools(given, version)
        const own = yield* Effect.forEach(loaded.tools, placed)
        if (!isQuiet && worker === 1) yield* tellNotes(loaded)
        return offeringOf({
          tools: [...built, ...own.map((tool, index) => around(tool, loaded.tools[index]?.it.isolate !== undefined))],
          purposes: PURPOSES,
          prompts: loaded.prompts.map(({ it }) => it),
          resources: loaded.resources.map(({ it }) => it)
        })
      })
      let offering = yield* offer(0)
      let version = 0
      const reload = Effect.gen(function* () {
        offering = yield* offer(++version)
        yield* Effect.logInfo("tools were loaded anew").pipe(
          Effect.annotateLogs({ tools: offering.tools.map(({ name }) => name).join(", ") })
        )
      }).pipe(
        Effect.catch(({ problems }) =>
          // A line for each: in a log line, breaks are escaped.
          Effect.forEach(problems, (problem) => Effect.logError(`the tools stay as they were: ${problem}`))
        ),
        Effect.catchCause((cause) => Effect.logError("the tools stay as they were", cause))
      )
      if (yield* Reloading) {
        const changed = yield* changesOf(toolsDir.path)
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(changed, reload)))
      }
      return Toolset.of({ current: () => offering })
    })
  ).pipe(Layer.provide(layer))
