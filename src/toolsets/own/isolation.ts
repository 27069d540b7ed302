/** Tools in threads of their own: what they do there stops nobody here, whatever it is. */

import { extname } from "node:path"
import { Effect, type Scope } from "effect"
import { aside } from "../aside.ts"
import { type Content, content } from "../content.ts"
import { Question } from "../elicit.ts"
import { ToolFailure } from "../failure.ts"
import type { AsideCall, Declared, Host } from "../tool.ts"

export interface IsolatedData {
  /** The tool's file. */
  readonly url: string
  readonly name: string
  readonly secrets: Readonly<Record<string, string>>
}

export interface IsolatedCall {
  readonly input: unknown
  readonly call: Omit<AsideCall, "progress" | "log" | "signal">
}

/** What the thread answers, as `isolated.ts` has it. */
type Answered =
  | { readonly result: unknown }
  | { readonly content: Content }
  | { readonly failure: string }
  | { readonly question: Question }
  | { readonly defect: string }

interface Told {
  readonly progress?: Parameters<AsideCall["progress"]>
  readonly log?: Parameters<AsideCall["log"]>
}

/** What a thread needs for itself: Effect, us, and the modules of the tool. */
const MODULES_MB = 96
const THREADS = 2
const MAX_WAITING = 16

const read = (answered: Answered): unknown => {
  if ("failure" in answered) throw new ToolFailure(answered.failure)
  if ("question" in answered) {
    const { forms, kept } = answered.question
    throw new Question(forms, kept)
  }
  if ("defect" in answered) throw new Error(answered.defect)
  return "content" in answered ? content(answered.content.parts, answered.content.data) : answered.result
}

/** What runs a tool of this file aside, for the length of the scope. */
export const isolate = Effect.fnUntraced(function* (
  { name, title, timeoutMs }: Declared,
  memoryMb: number,
  url: string,
  secrets: Readonly<Record<string, string>>
): Effect.fn.Return<NonNullable<Host["aside"]>, never, Scope.Scope> {
  const threads = yield* aside<IsolatedCall>({
    program: new URL(`./isolated${extname(import.meta.url)}`, import.meta.url),
    workerData: { url, name, secrets } satisfies IsolatedData,
    threads: THREADS,
    maxWaiting: MAX_WAITING,
    turn: timeoutMs,
    time: timeoutMs,
    memoryMb: MODULES_MB + memoryMb,
    words: {
      tooCostly: `${title} took too long, or too much memory, and was stopped.`,
      busy: `${title} has too much to do at the moment. Try again in a few seconds.`
    }
  })
  const run = Effect.runPromiseWith(yield* Effect.context())
  return (input, { person, client, scopes, requestId, answers, progress, log, signal }) => {
    const told = (message: unknown) => {
      // From our own thread program.
      const { progress: done, log: line } = message as Told
      if (done) progress(...done)
      if (line) log(...line)
    }
    const job = threads.run({ input, call: { person, client, scopes, requestId, answers } }, [], told).pipe(
      Effect.tapError(({ reason }) => Effect.sync(() => log("a thread was given up", { reason }))),
      Effect.mapError(({ message }) => new ToolFailure(message))
    )
    return run(job, { signal }).then((answered) => read(answered as Answered))
  }
})
