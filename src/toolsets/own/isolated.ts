/** The thread of a tool with `isolate`: its file is loaded here, and each message is one call. */

import { parentPort, workerData } from "node:worker_threads"
import { Effect } from "effect"
import { allowedFetch } from "../../net/allowedFetch.ts"
import { Content } from "../content.ts"
import type { ToolContext } from "../context.ts"
import { isTool, runOf } from "../declare.ts"
import { makeElicit, Question } from "../elicit.ts"
import { ToolFailure } from "../failure.ts"
import type { IsolatedCall, IsolatedData } from "./isolation.ts"
import { resolveOurselves } from "./modules.ts"

// Given by `isolation.ts`, and by nobody else.
const { url, name, secrets } = workerData as IsolatedData
resolveOurselves()

const loaded = import(url).then((module: Readonly<Record<string, unknown>>) => {
  const tool = Object.values(module).find((value) => isTool(value) && value.name === name)
  const runs = isTool(tool) ? runOf(tool) : undefined
  if (runs === undefined) throw new Error(`${name} is not in its file any more`)
  return runs
})

// It is told with the first call: until then nobody has asked.
loaded.catch(() => undefined)

const tell = (told: unknown) => parentPort?.postMessage({ told })

const contextOf = ({ answers, ...call }: IsolatedCall["call"], hosts: ReadonlyArray<string>): ToolContext => {
  // Nobody aborts it: a thread that nobody waits for is ended.
  const { signal } = new AbortController()
  return {
    ...call,
    signal,
    progress: (done, total, text) => tell({ progress: [done, total, text] }),
    log: (message, details) => tell({ log: [message, details] }),
    fetch: allowedFetch(hosts, () => signal),
    secret: (name) => {
      const value = secrets[name]
      if (value === undefined) throw new Error(`${name} is not set in the environment`)
      return value
    },
    elicit: makeElicit(answers)
  }
}

const settled = (value: unknown): Promise<unknown> =>
  // A tool in a thread has no services to ask for.
  Effect.isEffect(value) ? Effect.runPromise(value as Effect.Effect<unknown, unknown>) : Promise.resolve(value)

/** What is thrown, told so that it can be thrown there again. */
const thrown = (reason: unknown) => {
  if (reason instanceof ToolFailure) return { failure: reason.message }
  if (reason instanceof Question) return { question: { ...reason } }
  return { defect: reason instanceof Error ? `${reason.name}: ${reason.message}` : String(reason) }
}

parentPort?.on("message", ({ input, call }: IsolatedCall) => {
  loaded
    .then(({ run, hosts }) => settled(run(input, contextOf(call, hosts))))
    .then((result) => (result instanceof Content ? { content: { ...result } } : { result }), thrown)
    .then((answer) => parentPort?.postMessage(answer))
    // What cannot be copied into another thread.
    .catch((reason: unknown) => parentPort?.postMessage(thrown(reason)))
})
