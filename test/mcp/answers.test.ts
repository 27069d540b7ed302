import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { call } from "../../src/mcp/answers.ts"
import * as Tool from "../../src/toolsets/tool.ts"
import { NOBODY } from "../support/toolset.ts"

/** A tool that answers with these words, or fails with them. */
const saying = (words: Record<string, string>, failure?: string) =>
  Tool.make({
    name: "say",
    title: "Say",
    description: "Says it.",
    scope: { name: "say", consent: "Say." },
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input: Schema.Struct({}),
    output: Schema.Record(Schema.String, Schema.String),
    handler: () =>
      failure === undefined ? Effect.succeed(words) : Effect.fail(new Tool.ToolFailure({ message: failure }))
  })

describe("a tool's result on the wire", () => {
  for (const [words, told] of [
    ["a\ud83dz", "a\ufffdz"],
    ["\udc00", "\ufffd"],
    ["\\\ud800\\", "\\\ufffd\\"],
    ["pair \ud83d\ude00", "pair \ud83d\ude00"],
    // No surrogate, but the letters of an escape.
    ["\\ud800", "\\ud800"],
    ["\\\\ud800 \n \u0001", "\\\\ud800 \n \u0001"]
  ] as const) {
    it.effect(`F9 is well-formed: ${JSON.stringify(words)}`, () =>
      Effect.gen(function* () {
        const result = yield* call(saying({ text: words, [words]: "" }), {}, NOBODY)
        assert.deepStrictEqual(result.structuredContent, { text: told, [told]: "" })
        assert.deepStrictEqual(JSON.parse(result.content[0]?.text ?? ""), result.structuredContent)
        const sent = JSON.stringify(result)
        assert.isTrue(JSON.stringify(JSON.parse(sent), (_, value) => value.toWellFormed?.() ?? value) === sent)
        const failure = yield* call(saying({}, words), {}, NOBODY)
        assert.strictEqual(failure.content[0]?.text, words.toWellFormed())
      })
    )
  }
})
