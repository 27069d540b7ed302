/** What of a mount's entries clients get: what was approved and is not switched off, whether the mount still has it or not. */

import { Option, Schema } from "effect"
import type { Entry, Kind } from "../catalogue/definition.ts"
import type { Approved } from "./offering.ts"

const Members = Schema.Record(Schema.String, Schema.Unknown)

// As `catalogue/clean.ts` makes them: what does not fit is of an older version, and is not listed.
const Tool = Schema.Struct({
  name: Schema.String,
  title: Schema.String,
  description: Schema.String,
  annotations: Schema.Struct({
    readOnlyHint: Schema.Boolean,
    destructiveHint: Schema.Boolean,
    idempotentHint: Schema.Boolean,
    openWorldHint: Schema.Boolean
  }),
  inputSchema: Members,
  outputSchema: Schema.optionalKey(Members),
  ui: Schema.optionalKey(Members)
})
const readTool = Schema.decodeUnknownOption(Tool)
// With whatever else is listed.
const readPrompt = Schema.decodeUnknownOption(Schema.StructWithRest(Schema.Struct({ name: Schema.String }), [Members]))
const readResource = Schema.decodeUnknownOption(
  Schema.StructWithRest(Schema.Struct({ uri: Schema.String, name: Schema.String }), [Members])
)
const readTemplate = Schema.decodeUnknownOption(
  Schema.StructWithRest(Schema.Struct({ uriTemplate: Schema.String, name: Schema.String }), [Members])
)

const readInstructions = Schema.decodeUnknownOption(Schema.Struct({ text: Schema.String }))

export const approvedOf = (entries: ReadonlyArray<Entry>): Approved => {
  const of = (kind: Kind) =>
    entries.flatMap(({ kind: own, state, approved }) =>
      own === kind && state !== "off" && approved !== undefined && approved.problem === undefined ? [approved] : []
    )
  const listed = <A>(kind: Kind, read: (listing: unknown) => Option.Option<A>) =>
    of(kind).flatMap(({ listing }) => Option.toArray(read(listing)))
  return {
    tools: of("tool").flatMap(({ listing, original }) =>
      Option.toArray(readTool(listing)).map((tool) => ({ ...tool, ...(original && { originalInputSchema: original }) }))
    ),
    prompts: listed("prompt", readPrompt),
    resources: listed("resource", readResource),
    templates: listed("template", readTemplate),
    instructions: listed("instructions", readInstructions)[0]?.text
  }
}
