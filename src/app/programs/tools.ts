/** `npm run -s tools`: what is offered and where it comes from; `tools call` runs one without a server. */

import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect, Layer, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ServerConfig } from "../../config/ServerConfig.ts"
import { version } from "../../config/version.ts"
import * as Database from "../../database/connect.ts"
import { call as callTool } from "../../mcp/answers.ts"
import { PublicWeb } from "../../net/PublicWeb.ts"
import { TOOLS_CALL } from "../../oauth/scope.ts"
import { Revocations } from "../../oauth/tokens/Revocations.ts"
import { People } from "../../people/People.ts"
import { layer as builtinServices } from "../../toolsets/builtin/builtin.ts"
import { declaredTools, Tools } from "../../toolsets/own/own.ts"
import { Toolset } from "../../toolsets/Toolset.ts"
import type { Person, Tool } from "../../toolsets/tool.ts"
import { LoggingAside } from "../logging.ts"
import { runProgram } from "./runProgram.ts"

/** What was asked for cannot be done: exit code 1. */
class NotCalled extends Schema.TaggedError<NotCalled>()("NotCalled", { message: Schema.String }) {}

const json = Flag.Boolean("json").pipe(Flag.withDescription("one JSON document"), Flag.withDefault(false))

const hintsOf = ({ annotations }: Pick<Tool, "annotations">) =>
  [
    annotations.readOnlyHint ? "read only" : annotations.destructiveHint ? "may destroy" : "writes",
    ...(annotations.idempotentHint ? ["idempotent"] : []),
    annotations.openWorldHint ? "open world" : "closed world"
  ].join(", ")

const listed = Effect.gen(function* () {
  const { built, loaded } = yield* declaredTools({})
  const row = (
    tool: Pick<Tool, "name" | "title" | "scope" | "annotations">,
    origin: string,
    notes: ReadonlyArray<string>
  ) => ({
    name: tool.name,
    title: tool.title,
    scope: tool.scope.name,
    hints: hintsOf(tool),
    origin,
    notes
  })
  return {
    tools: [
      ...built.map((tool) => row(tool, "built in", [])),
      ...loaded.tools.map(({ it, origin }) => row(it, origin, it.notes))
    ],
    prompts: loaded.prompts.map(({ it: { name, title }, origin }) => ({ name, title, origin })),
    resources: loaded.resources.map(({ it: { uri, name }, origin }) => ({ uri, name, origin }))
  }
})

const list = Effect.fnUntraced(function* ({ json }: { readonly json: boolean }) {
  const { tools, prompts, resources } = yield* listed
  if (json) return yield* Console.log(JSON.stringify({ tools, prompts, resources }, undefined, 2))
  const widthOf = (column: "name" | "scope" | "hints") => Math.max(...tools.map((tool) => tool[column].length), 0)
  const [name, scope, hints] = [widthOf("name"), widthOf("scope"), widthOf("hints")]
  for (const tool of tools) {
    const columns = [tool.name.padEnd(name), tool.scope.padEnd(scope), tool.hints.padEnd(hints), tool.origin]
    yield* Console.log(columns.join("  "))
    for (const note of tool.notes) yield* Console.log(`${"".padEnd(name)}  note: ${note}`)
  }
  for (const { name, origin } of prompts) yield* Console.log(`prompt ${name}  ${origin}`)
  for (const { uri, origin } of resources) yield* Console.log(`resource ${uri}  ${origin}`)
})

const NOBODY: Person = { id: "command line", name: undefined, email: undefined, roles: [] }

/** A person by the e-mail that they sign in with. */
const personOf = Effect.fnUntraced(
  function* (email: string) {
    const found = (yield* (yield* People).credentialsOf(email))?.person
    if (found === undefined) return yield* new NotCalled({ message: `nobody here has the address ${email}` })
    const { id, name, role, emailVerifiedBy } = found
    return { id, name, email: emailVerifiedBy === undefined ? undefined : found.email, roles: [role] } satisfies Person
  },
  Effect.provide(People.layer.pipe(Layer.provide(Revocations.layer), Layer.provide(Database.layer)))
)

const call = Command.make(
  "call",
  {
    name: Argument.String("name").pipe(Argument.withDescription("the tool's name")),
    args: Argument.String("arguments").pipe(
      Argument.withDescription("its arguments, in JSON"),
      Argument.withDefault("{}")
    ),
    as: Flag.String("as").pipe(Flag.withDescription("the e-mail of the person to call it as"), Flag.optional)
  },
  Effect.fn("tools.call")(function* ({ name, args, as }) {
    const { current } = yield* Toolset
    const tool = current().tools.find((one) => one.name === name)
    if (tool === undefined)
      return yield* new NotCalled({ message: `there is no tool ${name} (npm run -s tools lists them)` })
    const given = yield* Effect.try({
      try: (): unknown => JSON.parse(args),
      catch: () => new NotCalled({ message: "the arguments are not JSON" })
    })
    const person = as._tag === "None" ? NOBODY : yield* personOf(as.value)
    const caller = {
      subject: person.id,
      clientId: "command line",
      grant: "command line",
      scopes: [TOOLS_CALL.name, tool.scope.name],
      person: Effect.succeed(person)
    }
    const progress = (done: number, total?: number, text?: string) =>
      console.error(`${done}${total === undefined ? "" : ` of ${total}`}${text === undefined ? "" : `: ${text}`}`)
    const result = yield* callTool(tool, given, caller, { progress }, () => Effect.die("nothing is asked here"))
    yield* Console.log(JSON.stringify(result, undefined, 2))
    if (result.isError) return yield* new NotCalled({ message: "the tool failed" })
  })
).pipe(Command.withDescription("Run a tool"), Command.provide(Tools({}, { isQuiet: true })))

Command.make("tools", { json }, list).pipe(
  Command.withDescription("The tools of this server, where they come from, and what their authors should know"),
  Command.withSubcommands([call]),
  Command.provide(
    Layer.mergeAll(builtinServices, PublicWeb.layer).pipe(
      Layer.provideMerge(PublicWeb.layer),
      Layer.provideMerge(LoggingAside),
      Layer.provideMerge(ServerConfig.layer)
    )
  ),
  Command.run({ version }),
  Effect.provide(NodeServices.layer),
  runProgram
)
