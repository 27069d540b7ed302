/** `tool()`: how tools are declared, those that come along and everybody's own. */

import { Duration, Effect, Result } from "effect"
import { type Scope, TOOLS_CALL } from "../oauth/scope.ts"
import { leniencyOf } from "./arguments.ts"
import { Content } from "./content.ts"
import { Running, type ToolContext } from "./context.ts"
import { type Failure, ToolFailure } from "./failure.ts"
import { isRecord, problemsOf } from "./jsonSchema.ts"
import { makeStart } from "./running.ts"
import { type AnySchema, type InputOf, inputOf, NOTHING, type OutputOf, outputOf, type Reading } from "./schemas.ts"
import type { Answer, App, Caller, Card, Declared } from "./tool.ts"

/** What MCP tells clients of a tool; what is left out is told as the worst case. */
export interface Hints {
  /** It changes nothing. */
  readonly readOnly?: boolean
  /** It may destroy or overwrite, and not only add. */
  readonly destructive?: boolean
  /** Once more with the same arguments changes nothing more. */
  readonly idempotent?: boolean
  /** It reaches others than this server's own systems: the web, other people. */
  readonly openWorld?: boolean
}

/** A value for the tool's `output`, an answer in parts, or (without `output`) anything that JSON can say. */
type Returned<O> = (O extends AnySchema ? OutputOf<O> : unknown) | Content

export interface Declaration<I extends AnySchema | undefined, O extends AnySchema | undefined, R> {
  /** At most 64 of `[a-zA-Z0-9_-]`; models choose by it. */
  readonly name: string
  /** What people read. */
  readonly title: string
  /** What a model reads, to know when to call it; some hosts read no more than 1,024 characters. */
  readonly description: string
  /** Another permission than to call tools at all: its name, and the sentence on the consent page. */
  readonly scope?: Scope
  readonly hints?: Hints
  /** What it takes; nothing unless said. */
  readonly input?: I
  /** What it answers, where that is a value that programs read. */
  readonly output?: O
  /** A card that clients may show with the result: an MCP App (SEP-1865). */
  readonly app?: App | Card
  /** How long a call may take; 55 seconds unless said. */
  readonly timeout?: Duration.Input
  /** How many calls may be at work at once, in all (256) and of one person (32). */
  readonly limits?: { readonly atOnce?: number; readonly perPerson?: number }
  /** Where `fetch` of the context may go: `api.example.com`, `*.example.com`, `localhost:8080`. */
  readonly hosts?: ReadonlyArray<string>
  /**
   * In a thread of its own: a tool that computes for long, or that may not end, then stops nobody else; `memoryMb`, beside what
   * its modules need, is 256 unless said. Its file is loaded there once more.
   */
  readonly isolate?: boolean | { readonly memoryMb: number }
  /** `false` for a tool that does not want to know who calls: one look-up less now and then. */
  readonly person?: false
  /**
   * Does it. Throw `ToolFailure` for what the model should read; what else is thrown is told as a failure, and stands in the
   * log.
   */
  readonly run: (
    input: InputOf<I>,
    context: ToolContext
  ) => Returned<O> | PromiseLike<Returned<O>> | Effect.Effect<Returned<O>, Failure, R>
}

/** A tool that cannot be offered, and why. */
export class DeclarationInvalid extends Error {}

const NAME = /^[a-zA-Z0-9_-]{1,64}$/

/** How many problems one message tells. */
const MAX_PROBLEMS = 3

const refusal = (problems: ReadonlyArray<string>) => {
  const more = problems.length > MAX_PROBLEMS ? `; and ${problems.length - MAX_PROBLEMS} more` : ""
  return new ToolFailure(`The arguments are not valid: ${problems.slice(0, MAX_PROBLEMS).join("; ")}${more}.`)
}

const NOT_ASKED = { name: undefined, email: undefined, roles: [] }

/**
 * A tool, from its declaration. Arguments are read by its schema before `run` sees them, and so is the result before anybody
 * else does. Arguments that are plainly meant are taken too, though the published schema has another spelling for them
 * (`arguments.ts`).
 *
 * @throws DeclarationInvalid where no client could use it
 */
export const tool = <
  const I extends AnySchema | undefined = undefined,
  const O extends AnySchema | undefined = undefined,
  R = never
>(
  declaration: Declaration<I, O, R>
): Declared<R> => {
  const {
    name,
    title,
    description,
    scope = TOOLS_CALL,
    hints = {},
    app,
    limits = {},
    hosts = [],
    isolate,
    run
  } = declaration
  const { input, output } = readingsOf(declaration)
  const { problems, repaired } = leniencyOf(input.jsonSchema)
  const timeout = Duration.fromInputUnsafe(declaration.timeout ?? "55 seconds")
  const begin = makeStart({
    name,
    title,
    timeout,
    atOnce: limits.atOnce ?? 256,
    perPerson: limits.perPerson ?? 32
  })
  const described = { name, hosts }

  const read = (args: unknown): Effect.Effect<unknown, ToolFailure> => {
    const given = args ?? {}
    const wrong = problems(given)
    return flatMapRead(input.read(given), (strict) =>
      flatMapRead(Result.isSuccess(strict) ? strict : input.read(repaired(given)), (result) =>
        Result.isSuccess(result) && wrong.length === 0
          ? Effect.succeed(result.success)
          : Effect.fail(refusal([...wrong, ...(Result.isFailure(result) ? result.failure : [])]))
      )
    )
  }

  const known = (caller: Caller) =>
    declaration.person === false ? Effect.succeed({ id: caller.subject, ...NOT_ASKED }) : caller.person

  const declared: Declared<R> = {
    name,
    title,
    description,
    scope,
    isolate: isolate === true ? { memoryMb: 256 } : isolate || undefined,
    timeoutMs: Duration.toMillis(timeout),
    notes: notesOf(declaration),
    annotations: {
      readOnlyHint: hints.readOnly ?? false,
      destructiveHint: hints.destructive ?? hints.readOnly !== true,
      idempotentHint: hints.idempotent ?? false,
      openWorldHint: hints.openWorld ?? true
    },
    ...(app && ("file" in app ? { card: app } : { app })),
    inputSchema: input.jsonSchema,
    outputSchema: output?.jsonSchema,
    // Without a span or a fiber's steps, unless the run takes some: they cost more than most calls do.
    start: (args, caller, carrier, host) =>
      Effect.flatMapEager(read(args), (value) =>
        Effect.flatMapEager(known(caller), (person) => {
          const running = new Running(described, person, caller, carrier, host)
          const returned = begin(
            caller.subject,
            running,
            (): Returned<O> | PromiseLike<Returned<O>> | Effect.Effect<Returned<O>, Failure, R> =>
              // Read by this very schema, and so is what comes back.
              host.aside === undefined
                ? run(value as InputOf<I>, running)
                : (host.aside(value, running) as Promise<Returned<O>>)
          )
          return Effect.flatMapEager(returned, (result) => answered(result, output))
        })
      )
  }
  runs.set(declared, { hosts, run: (input, context) => run(input as InputOf<I>, context) })
  return declared
}

/** What a tool does, for the thread that does it. */
interface Runs {
  readonly hosts: ReadonlyArray<string>
  readonly run: (input: unknown, context: ToolContext) => unknown
}
const runs = new WeakMap<object, Runs>()

/** Whether something that a module exports is a tool. */
export const isTool = (value: unknown): value is Declared =>
  typeof value === "object" && value !== null && runs.has(value)
export const runOf = (tool: Declared): Runs | undefined => runs.get(tool)

/** Some hosts cut what is longer. */
const MAX_DESCRIPTION = 1024
const HINTS = ["readOnly", "destructive", "idempotent", "openWorld"] as const

const notesOf = ({
  hints = {},
  description
}: Pick<Declaration<undefined, undefined, never>, "hints" | "description">) => {
  const unsaid = HINTS.filter(
    (name) => hints[name] === undefined && !(name === "destructive" && hints.readOnly === true)
  )
  return [
    ...(unsaid.includes("readOnly") || unsaid.includes("openWorld")
      ? [`no hint ${unsaid.join(", ")}: apps are told the worst, and ask people before each call`]
      : []),
    ...(description.length > MAX_DESCRIPTION
      ? [`the description is longer than the ${MAX_DESCRIPTION} characters that some apps read`]
      : [])
  ]
}

/** What was read, at once or later. */
const flatMapRead = <A, B, E>(read: A | Promise<A>, next: (read: A) => Effect.Effect<B, E>): Effect.Effect<B, E> =>
  read instanceof Promise
    ? Effect.flatMap(
        Effect.promise(() => read),
        next
      )
    : next(read)

/** In JSON it may be anything: a date is a text there. */
const saysItself = (value: Readonly<Record<string, unknown>>) => typeof value.toJSON === "function"

const plain = (value: unknown) => (typeof value === "string" ? value : (JSON.stringify(value) ?? "Done."))

/** A result as it is sent. One that its own schema refuses is our mistake, not the caller's. */
const answered = (result: unknown, output: Reading | undefined): Effect.Effect<Answer> => {
  if (output === undefined) {
    if (result instanceof Content || (isRecord(result) && !saysItself(result))) return Effect.succeed(result)
    return Effect.succeed(new Content([{ type: "text", text: plain(result) }], undefined))
  }
  const parts = result instanceof Content ? result.parts : undefined
  return flatMapRead(output.read(result instanceof Content ? result.data : result), (read) => {
    if (Result.isFailure(read))
      return Effect.die(new Error(`the result breaks its own schema: ${read.failure.join("; ")}`))
    // Held to be an object when it was declared.
    const data = read.success as Readonly<Record<string, unknown>>
    return Effect.succeed(parts === undefined ? data : new Content(parts, data))
  })
}

const readingsOf = <I extends AnySchema | undefined, O extends AnySchema | undefined, R>({
  name,
  title,
  description,
  input: inputSchema,
  output: outputSchema
}: Declaration<I, O, R>) => {
  const invalid = (problem: string) => new DeclarationInvalid(`tool ${JSON.stringify(name)}: ${problem}`)
  if (typeof name !== "string" || !NAME.test(name)) throw invalid("a name has at most 64 letters, digits, _ and -")
  if (!title || !description) throw invalid("a tool has a title for people and a description for models")
  const made = Result.try(() => ({
    input: inputOf(inputSchema ?? NOTHING),
    output: outputSchema === undefined ? undefined : outputOf(outputSchema)
  }))
  if (Result.isFailure(made)) {
    throw invalid(made.failure instanceof Error ? made.failure.message : String(made.failure))
  }
  const { input, output } = made.success
  const problems = [
    ...problemsOf(input.jsonSchema, "input"),
    ...(output === undefined ? [] : problemsOf(output.jsonSchema, "output"))
  ]
  if (problems.length > 0) throw invalid(problems.join("; "))
  return { input, output }
}
