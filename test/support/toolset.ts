/** Other toolsets than the one that comes along. */

import { Effect, Layer, Schema } from "effect"
import { DEMO_SUBJECT } from "../../src/oauth/subject.ts"
import { BuiltinToolset } from "../../src/toolsets/builtin/builtin.ts"
import { tool } from "../../src/toolsets/declare.ts"
import { type More, Toolset } from "../../src/toolsets/Toolset.ts"
import { type Caller, type Declared, place } from "../../src/toolsets/tool.ts"
import { derived } from "../../src/web/derived.ts"

/** Our own tools, and beside them `more` in the place of our cards. */
export const withMore = (more: More) =>
  Layer.effect(
    Toolset,
    Effect.map(Toolset, ({ current }) =>
      Toolset.of({ current: derived(current, (offering) => ({ ...offering, more })) })
    )
  ).pipe(Layer.provide(BuiltinToolset))

/** With tools that may change, there is something to listen for. */
export const withChanges = withMore({
  capabilities: { tools: { listChanged: true } },
  listings: [],
  register: () => undefined
})

/** Whoever calls a tool without a server around it. */
export const NOBODY: Caller = {
  subject: DEMO_SUBJECT,
  clientId: "nobody",
  grant: "nobody",
  scopes: [],
  person: Effect.succeed({ id: DEMO_SUBJECT, name: undefined, email: undefined, roles: [] })
}

/** A call of a tool, without a server around it, that comes to a value. */
export const started = <R>(declared: Declared<R>, args: unknown) =>
  Effect.map(
    declared.start(args, NOBODY, {}, { secret: () => undefined }),
    (answer): Readonly<Record<string, unknown>> => ({ ...answer })
  )

/** A tool that needs nothing, in its place. */
export const placed = (declared: Declared) => place(declared, { secret: () => undefined })

/** Says who calls it. */
const whoCalls = placed(
  tool({
    name: "who_calls",
    title: "Who calls",
    description: "Says who calls.",
    hints: { readOnly: true, idempotent: true, openWorld: false },
    input: Schema.Struct({}),
    output: Schema.Struct({
      subject: Schema.String,
      clientId: Schema.String,
      scopes: Schema.Array(Schema.String),
      name: Schema.optionalKey(Schema.UndefinedOr(Schema.String)),
      email: Schema.optionalKey(Schema.UndefinedOr(Schema.String))
    }),
    run: (_, { person: { id, name, email }, client, scopes }) => ({
      subject: id,
      clientId: client.id,
      scopes,
      name,
      email
    })
  })
)

/** Our own tools, and one that says who calls it. */
export const withWhoCalls = Layer.effect(
  Toolset,
  Effect.map(Toolset, ({ current }) =>
    Toolset.of({ current: derived(current, (offering) => ({ ...offering, tools: [...offering.tools, whoCalls] })) })
  )
).pipe(Layer.provide(BuiltinToolset))
