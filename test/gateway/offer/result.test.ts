import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { completionResult, promptResult, resourceResult, toolResult, Unfit } from "../../../src/gateway/offer/result.ts"

const text = (text: string) => ({ content: [{ type: "text", text }] })
const first = (result: object): string => {
  const { content } = result as { content: ReadonlyArray<{ text: string }> }
  return content[0]?.text ?? ""
}

describe("what a mount answers", () => {
  it("passes every kind of part on, and no member that MCP does not have", () => {
    const content = [
      { type: "text", text: "a" },
      { type: "image", data: "aGk=", mimeType: "image/png" },
      { type: "audio", data: "aGk=", mimeType: "audio/wav" },
      { type: "resource_link", uri: "file:///a", name: "a", title: "A", description: "of a", mimeType: "text/plain" },
      { type: "resource", resource: { uri: "file:///a", mimeType: "text/plain", text: "a" } },
      { type: "resource", resource: { uri: "file:///b", blob: "aGk=" } }
    ]
    const odd = content.map((part) => ({ ...part, odd: 1 }))
    assert.deepStrictEqual(toolResult({ content: odd, odd: 1 }, undefined), { content })
  })

  it("cuts a text that is too long in its middle, with a sentence, whatever the text is", () => {
    const long = `BEGIN${"ä".repeat(400_000)}END`
    const cut = first(toolResult(text(long), undefined))
    assert.isBelow(cut.length, 263_000)
    assert.match(cut, /^BEGIN/)
    assert.match(cut, /END$/)
    assert.include(
      cut,
      `[${long.length - 262_144} characters are left out here: the answer is too long. Ask for less.]`
    )
  })

  it("many texts have one room together", () => {
    const result = toolResult(
      { content: Array.from({ length: 10 }, () => ({ type: "text", text: "a".repeat(100_000) })) },
      undefined
    )
    assert.isBelow(JSON.stringify(result).length, 270_000)
  })

  it("pictures and files have 4 MB together; what has no room is a sentence", () => {
    const data = "A".repeat(4 * 1024 * 1024)
    const { content } = toolResult(
      {
        content: [
          { type: "image", data, mimeType: "image/png" },
          { type: "image", data, mimeType: "image/png" }
        ]
      },
      undefined
    ) as { content: ReadonlyArray<{ type: string; text?: string }> }
    assert.deepStrictEqual(
      content.map(({ type }) => type),
      ["image", "text"]
    )
    assert.match(content[1]?.text ?? "", /A picture is left out here/)
  })

  it("what nobody sees is no part of it: bidi, zero width, tags, escapes", () => {
    const hidden = "a\u202eb\u200bc\u{e0041}d\u001b[31me\u0000f"
    assert.strictEqual(first(toolResult(text(hidden), undefined)), "abcdef")
    const { structuredContent } = toolResult({ structuredContent: { [hidden]: [hidden] } }, undefined) as {
      structuredContent: unknown
    }
    assert.deepStrictEqual(structuredContent, { abcdef: ["abcdef"] })
  })

  it("a text of nothing but beginnings of escapes is read in one go", () => {
    const cut = first(toolResult(text("\u001b]".repeat(1_000_000)), undefined))
    assert.match(cut, /^\]+\n\n\[\d+ characters are left out here/)
    assert.strictEqual(
      first(toolResult(text("a\u001b]8;;https://x.example\u0007b\u001b]8;;\u001b\\c"), undefined)),
      "abc"
    )
  })

  it("data without a text stands there as text, too", () => {
    assert.deepStrictEqual(toolResult({ structuredContent: { a: 1 } }, undefined), {
      content: [{ type: "text", text: '{"a":1}' }],
      structuredContent: { a: 1 }
    })
  })

  it("data that is not what was approved, is missing or is too much does not cross", () => {
    const judge = (value: unknown) => (Reflect.get(Object(value), "a") === 1 ? undefined : "a is not 1")
    assert.instanceOf(toolResult({ structuredContent: { a: 2 } }, judge), Unfit)
    assert.instanceOf(toolResult(text("a"), judge), Unfit)
    assert.instanceOf(toolResult({ structuredContent: { a: "a".repeat(300_000) } }, judge), Unfit)
    assert.notInstanceOf(toolResult({ structuredContent: { a: 1 } }, judge), Unfit)
    assert.notInstanceOf(toolResult({ ...text("no"), isError: true }, judge), Unfit)
  })

  it("an upstream cannot challenge the client in our name", () => {
    const _meta = {
      "mcp/www_authenticate": ["Bearer"],
      "io.modelcontextprotocol/x": 1,
      securitySchemes: [],
      "openai/widget": 1
    }
    assert.deepStrictEqual(toolResult({ content: [], _meta }, undefined), {
      content: [],
      _meta: { "openai/widget": 1 }
    })
  })

  const Answered = Schema.Struct({
    content: Schema.optionalKey(Schema.Json),
    structuredContent: Schema.optionalKey(Schema.Json),
    isError: Schema.optionalKey(Schema.Json),
    _meta: Schema.optionalKey(Schema.Json)
  })

  it.prop("whatever it answers, what crosses is a result", [Answered], ([answered]) => {
    const { content } = toolResult(answered, undefined) as { content: ReadonlyArray<{ type: string }> }
    assert.isArray(content)
    for (const { type } of content) assert.include(["text", "image", "audio", "resource", "resource_link"], type)
  })

  it("a page crosses as it is written, and a text without what nobody sees", () => {
    const html = "<p>a\u200bb"
    const result = resourceResult({
      contents: [
        { uri: "ui://a", mimeType: "text/html;profile=mcp-app", text: html, _meta: { ui: { csp: {} } } },
        { uri: "file:///a", text: html },
        { uri: 1, text: html }
      ]
    })
    assert.deepStrictEqual(result.contents, [
      { uri: "ui://a", mimeType: "text/html;profile=mcp-app", text: html, _meta: { ui: { csp: {} } } },
      { uri: "file:///a", text: "<p>ab" }
    ])
  })

  it("messages of a prompt, and suggestions", () => {
    assert.deepStrictEqual(
      promptResult({
        description: "d",
        messages: [
          { role: "user", content: { type: "text", text: "a" } },
          { role: "system", content: {} }
        ]
      }),
      { description: "d", messages: [{ role: "user", content: { type: "text", text: "a" } }] }
    )
    assert.deepStrictEqual(completionResult({ completion: { values: ["a", 1], total: 7, hasMore: true, odd: 1 } }), {
      completion: { values: ["a"], total: 7, hasMore: true }
    })
    assert.deepStrictEqual(completionResult({}), { completion: { values: [], total: 0, hasMore: false } })
  })
})
