/** Tools of mounts, as this server lists and calls them. */

import { Effect } from "effect"
import type { Scope } from "../../oauth/scope.ts"
import { Relayed } from "../../toolsets/content.ts"
import { Question } from "../../toolsets/elicit.ts"
import { ToolFailure } from "../../toolsets/failure.ts"
import type { JsonSchema } from "../../toolsets/jsonSchema.ts"
import type { Caller, Carrier, Tool } from "../../toolsets/tool.ts"
import type { Mount } from "../mount.ts"
import { isQuestion, questionOf, resumed } from "./asking.ts"
import { judgeOf } from "./judge.ts"
import type { Requests } from "./requests.ts"
import { toolResult, Unfit } from "./result.ts"

/** A tool as it was approved. */
export interface ToolDefinition {
  /** As the mount knows it. */
  readonly name: string
  readonly title: string
  readonly description: string
  readonly annotations: Tool["annotations"]
  readonly inputSchema: JsonSchema
  readonly outputSchema?: JsonSchema
  /** The schema of its arguments before it was made fit for all clients. */
  readonly originalInputSchema?: JsonSchema
  readonly ui?: JsonSchema
}

/** Made at the first use: most are never called. */
const lazily = <A>(make: () => A) => {
  let made: { readonly it: A } | undefined
  return () => {
    made ??= { it: make() }
    return made.it
  }
}

/** What every tool of a mount needs unless the owner said something else. */
export const scopeOf = ({ name, title }: Mount): Scope => ({
  name: `mcp.${name}`,
  sentence: `Use ${title} on your behalf, through this server.`
})

/** A tool of a mount, under the name that it has here. */
export const toolOf = (requests: Requests, mount: Mount, name: string, definition: ToolDefinition): Tool => {
  const { inputSchema, outputSchema, originalInputSchema = inputSchema, ui, annotations } = definition
  const rule = mount.tools?.get(definition.name)
  const judgeInput = lazily(() => judgeOf(originalInputSchema))
  const judgeOutput = lazily(() => (outputSchema === undefined ? undefined : judgeOf(outputSchema)))
  const isRepeatable = annotations.readOnlyHint && annotations.idempotentHint

  const read = (result: Readonly<Record<string, unknown>>, carrier: Carrier) => {
    if (isQuestion(result)) {
      const question = questionOf(mount.title, result, carrier.answers !== undefined)
      // Thrown, as every tool asks.
      return question instanceof Question ? Effect.die(question) : Effect.fail(question)
    }
    const answer = toolResult(result, judgeOutput())
    if (!(answer instanceof Unfit)) return Effect.succeed(new Relayed(answer))
    return Effect.andThen(
      Effect.annotateLogs(Effect.logWarning(`a tool's answer was not passed on: ${answer.problem}`), { tool: name }),
      Effect.fail(new ToolFailure(`${mount.title} did not answer as it should: ${answer.problem}.`))
    )
  }

  return {
    name,
    title: definition.title,
    description: definition.description,
    scope: rule?.scope ?? scopeOf(mount),
    annotations: {
      readOnlyHint: rule?.hints?.readOnly ?? annotations.readOnlyHint,
      destructiveHint: rule?.hints?.destructive ?? annotations.destructiveHint,
      idempotentHint: rule?.hints?.idempotent ?? annotations.idempotentHint,
      openWorldHint: rule?.hints?.openWorld ?? annotations.openWorldHint
    },
    inputSchema,
    outputSchema,
    ...(ui && { ui }),
    server: `${mount.name}__… (${mount.title})`,
    call: (args: unknown, caller: Caller, carrier: Carrier) => {
      const given = args ?? {}
      const problem = judgeInput()(given)
      if (problem !== undefined) return Effect.fail(new ToolFailure(`The arguments are not valid: ${problem}.`))
      const params = { name: definition.name, arguments: given, ...resumed(carrier.answers) }
      return requests.request({ mount, caller, carrier, method: "tools/call", params, isRepeatable }).pipe(
        Effect.flatMap((result) => read(result, carrier)),
        Effect.catchTag("SignInNeeded", () => Effect.succeed(new Relayed(requests.signInResult(mount, caller))))
      )
    }
  }
}
