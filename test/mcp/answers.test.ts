import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type CallResult, call } from "../../src/mcp/answers.ts"
import { tool } from "../../src/toolsets/declare.ts"
import { ToolFailure } from "../../src/toolsets/failure.ts"
import type { Tool } from "../../src/toolsets/tool.ts"
import { NOBODY, placed } from "../support/toolset.ts"

/** A tool that answers with these words, or fails with them. */
const saying = (words: Record<string, string>, failure?: string) =>
  placed(
    tool({
      name: "say",
      title: "Say",
      description: "Says it.",
      scope: { name: "say", sentence: "Say." },
      hints: { readOnly: true, idempotent: true, openWorld: false },
      input: Schema.Struct({}),
      output: Schema.Record(Schema.String, Schema.String),
      run: () => (failure === undefined ? Effect.succeed(words) : Effect.fail(new ToolFailure(failure)))
    })
  )

const never = () => Effect.die("nothing was asked")
const said = (tool: Tool) => call(tool, {}, NOBODY, {}, never)
const textOf = ({ content }: CallResult) => {
  const [part] = content ?? []
  return part?.type === "text" ? part.text : ""
}

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
        const result = yield* said(saying({ text: words, [words]: "" }))
        assert.deepStrictEqual(result.structuredContent, { text: told, [told]: "" })
        assert.deepStrictEqual(JSON.parse(textOf(result)), result.structuredContent)
        const sent = JSON.stringify(result)
        assert.isTrue(JSON.stringify(JSON.parse(sent), (_, value) => value.toWellFormed?.() ?? value) === sent)
        const failure = yield* said(saying({}, words))
        assert.strictEqual(textOf(failure), words.toWellFormed())
      })
    )
  }
})
