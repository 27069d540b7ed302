/** Other toolsets than the one that comes along. */

import { Effect, Layer, Schema } from "effect"
import { TOOLS_CALL } from "../../src/oauth/scope.ts"
import { DEMO_SUBJECT } from "../../src/oauth/subject.ts"
import { BuiltinToolset } from "../../src/toolsets/builtin/builtin.ts"
import { type More, Toolset } from "../../src/toolsets/Toolset.ts"
import * as Tool from "../../src/toolsets/tool.ts"
import { derived } from "../../src/web/derived.ts"

/** Our own tools, and beside them `more` in the place of our cards. */
export const withMore = (more: More) =>
  Layer.effect(
    Toolset,
    Effect.map(Toolset, ({ current }) =>
      Toolset.of({ current: derived(current, (offering) => ({ ...offering, more })) })
    )
  ).pipe(Layer.provide(BuiltinToolset))

/** Whoever calls a tool without a server around it. */
export const NOBODY: Tool.Caller = {
  subject: DEMO_SUBJECT,
  clientId: "nobody",
  scopes: [],
  person: Effect.succeed({ name: undefined, email: undefined })
}

/** Says who calls it. */
const whoCalls = Tool.make({
  name: "who_calls",
  title: "Who calls",
  description: "Says who calls.",
  scope: TOOLS_CALL,
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  input: Schema.Struct({}),
  output: Schema.Struct({
    subject: Schema.String,
    clientId: Schema.String,
    scopes: Schema.Array(Schema.String),
    name: Schema.optionalKey(Schema.UndefinedOr(Schema.String)),
    email: Schema.optionalKey(Schema.UndefinedOr(Schema.String))
  }),
  handler: (_, { person, ...caller }) => Effect.map(person, (person) => ({ ...caller, ...person }))
})

/** Our own tools, and one that says who calls it. */
export const withWhoCalls = Layer.effect(
  Toolset,
  Effect.map(Toolset, ({ current }) =>
    Toolset.of({ current: derived(current, (offering) => ({ ...offering, tools: [...offering.tools, whoCalls] })) })
  )
).pipe(Layer.provide(BuiltinToolset))
