import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { canonical, digestOf } from "../../../src/gateway/catalogue/canonical.ts"
import { changesOf } from "../../../src/gateway/catalogue/changes.ts"
import { definitionOf } from "../../../src/gateway/catalogue/clean.ts"
import { KINDS } from "../../../src/gateway/catalogue/definition.ts"
import { repairedInput } from "../../../src/gateway/catalogue/repair.ts"
import { problemsOf } from "../../../src/toolsets/jsonSchema.ts"

const tool = (more: object) =>
  definitionOf("tool", { name: "look", description: "Looks.", inputSchema: { type: "object" }, ...more })
const definition = (more: object) => tool(more)?.definition ?? assert.fail("there is none")

describe("what a mount says of a tool", () => {
  it("is listed without what nobody sees, at any depth, and that is said", () => {
    const hidden = "a\u202eb\u200bc\u{e0041}d\u001b[31me"
    const { listing, repairs } = definition({
      title: hidden,
      description: hidden,
      inputSchema: { type: "object", properties: { [hidden]: { description: hidden, enum: [hidden] } } }
    })
    for (const unseen of ["\u200b", "\u202e", "\\u001b", "\udb40"]) assert.notInclude(JSON.stringify(listing), unseen)
    assert.deepInclude(listing, { title: "abcde", description: "abcde" })
    assert.include(repairs, "characters that nobody sees are taken out")
  })

  it("is another when what nobody sees is another", () => {
    assert.notStrictEqual(
      definition({ description: "Looks." }).digest,
      definition({ description: "Looks.\u200b" }).digest
    )
    const [change] = changesOf(definition({}), definition({ description: "Looks.\u200b" }))
    assert.strictEqual(change?.path, "what is not listed")
  })

  it("is the same in another order, and with other icons", () => {
    const one = definition({ inputSchema: { type: "object", properties: { a: {}, b: {} } } })
    const other = definition({ icons: [{ src: "x" }], inputSchema: { properties: { b: {}, a: {} }, type: "object" } })
    assert.strictEqual(one.digest, other.digest)
  })

  it("without hints is told as the worst, with those that it gives as it gives them", () => {
    assert.deepStrictEqual(definition({}).listing.annotations, {
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: false,
      openWorldHint: true
    })
    assert.deepStrictEqual(
      definition({ annotations: { readOnlyHint: true, openWorldHint: false } }).listing.annotations,
      {
        readOnlyHint: true,
        destructiveHint: false,
        idempotentHint: false,
        openWorldHint: false
      }
    )
  })

  it("is cut where it is too long, and not listed where its schema is", () => {
    const { listing, repairs } = definition({ description: "a".repeat(10_000) })
    assert.lengthOf(String(listing.description), 4096)
    assert.include(repairs, "its description is cut at 4096 characters")
    const large = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`member${index}`, { type: "string" }]))
    assert.strictEqual(
      definition({ inputSchema: { type: "object", properties: large } }).problem,
      "a schema is larger than 64 KB"
    )
    let deep: object = { type: "string" }
    for (let depth = 0; depth < 1000; depth++) deep = { type: "object", properties: { a: deep } }
    assert.match(definition({ inputSchema: deep }).problem ?? "", /nested deeper/)
  })

  it("is larger than anybody's is not looked at, and neither is what references make larger", () => {
    assert.strictEqual(definition({ description: "a".repeat(300_000) }).problem, "it is larger than 256 KB")
    const word = { type: "string", description: "a".repeat(20_000) }
    const properties = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`p${index}`, { $ref: "#/$defs/word" }])
    )
    const inputSchema = { type: "object", properties, $defs: { word } }
    assert.strictEqual(definition({ inputSchema }).problem, "a schema is larger than 64 KB")
  })

  it("has no names that are told apart by what nobody sees, and none of several lines", () => {
    const named = (...names: ReadonlyArray<string>) =>
      definition({ inputSchema: { type: "object", properties: Object.fromEntries(names.map((name) => [name, {}])) } })
        .problem
    assert.strictEqual(named("path", "pa\u200bth"), "two names in a schema differ only by what nobody sees")
    assert.strictEqual(named("a\n  note: nothing else changed"), "a name in a schema has more than one line")
    assert.isUndefined(named("path", "pa\u200bths"))
  })

  it("of nothing but beginnings of escapes is read in one go", () => {
    const { listing } = definition({ description: "\u001b]".repeat(20_000), title: "\u001b[".repeat(5_000) })
    assert.strictEqual(listing.description, "]".repeat(4096))
  })

  it("by a name that cannot be sent back as it is, is none", () => {
    for (const name of [undefined, 7, "", "a\u200b", "a\nb", "a".repeat(257)]) {
      assert.isUndefined(definitionOf("tool", { name, inputSchema: { type: "object" } }))
    }
    assert.isUndefined(definitionOf("resource", { uri: "a://\u202e", name: "a" }))
  })

  it("keeps its card in either spelling, and no other meta", () => {
    const ui = { resourceUri: "ui://card", visibility: ["model", "nobody"], more: 1 }
    assert.deepStrictEqual(definition({ _meta: { ui, "mcp/www_authenticate": [] } }).listing.ui, {
      resourceUri: "ui://card",
      visibility: ["model"]
    })
    assert.deepStrictEqual(definition({ _meta: { "ui/resourceUri": "ui://card" } }).listing.ui, {
      resourceUri: "ui://card"
    })
    assert.isUndefined(definition({ _meta: { ui: { resourceUri: "https://x.example" } } }).listing.ui)
  })
})

describe("what is made of what a mount says", () => {
  const Odd = Schema.Union([
    Schema.String,
    Schema.Literals([
      "a\u202eb",
      " a \n\n b ",
      "\u200b",
      "x".repeat(300),
      `${"y".repeat(4095)}\n${"z".repeat(9)}`,
      "\ud800",
      "a\tb\r\nc",
      "e\u0301"
    ]),
    Schema.Json
  ])
  const Properties = Schema.Record(Schema.String, Schema.Struct({ type: Schema.Literals(["string", "number"]) }))
  const Raw = Schema.Struct({
    title: Odd,
    description: Odd,
    mimeType: Odd,
    size: Odd,
    text: Odd,
    annotations: Odd,
    arguments: Schema.Array(Schema.Struct({ name: Odd, description: Odd, required: Odd })),
    inputSchema: Schema.Union([
      Schema.Json,
      Schema.Struct({
        type: Schema.optionalKey(Schema.Literal("object")),
        description: Schema.optionalKey(Schema.String),
        properties: Properties,
        anyOf: Schema.optionalKey(
          Schema.Array(Schema.Struct({ required: Schema.Array(Schema.String), properties: Properties }))
        )
      })
    ]),
    outputSchema: Schema.Union([Schema.Json, Schema.Struct({ type: Schema.Literal("object"), properties: Properties })])
  })

  for (const kind of KINDS) {
    it.prop(`is its normal form: made once more of that, a ${kind} is the same`, [Raw], ([raw]) => {
      const named = { name: "look", uri: "a://look", uriTemplate: "a://{look}", ...raw }
      const once = definitionOf(kind, named)?.definition ?? assert.fail("there is none")
      if (once.problem !== undefined) return
      const { ui, ...listing } = once.listing
      const twice = definitionOf(kind, { ...listing, ...(ui !== undefined && { _meta: { ui } }) })?.definition
      assert.isUndefined(twice?.problem)
      assert.deepStrictEqual(twice?.listing, once.listing)
    })
  }
})

describe("a schema that clients would refuse", () => {
  it("has its alternatives as one object, with what all of them demand, and the choice in words", () => {
    const { schema, repairs } = repairedInput({
      description: "Finds.",
      anyOf: [
        { type: "object", properties: { by: { const: "id" }, id: { type: "string" } }, required: ["by", "id"] },
        { type: "object", properties: { by: { const: "name" }, name: { type: "string" } }, required: ["by", "name"] }
      ]
    })
    assert.deepStrictEqual(schema, {
      description: "Finds. Give either by and id, or by and name.",
      type: "object",
      properties: {
        by: { anyOf: [{ const: "id" }, { const: "name" }] },
        id: { type: "string" },
        name: { type: "string" }
      },
      required: ["by"]
    })
    assert.lengthOf(repairs, 1)
  })

  it("is kept as it was for judging arguments", () => {
    const inputSchema = {
      type: "object",
      oneOf: [
        { properties: { a: {} }, required: ["a"] },
        { properties: { b: {} }, required: ["b"] }
      ]
    }
    assert.deepStrictEqual(definition({ inputSchema }).original, inputSchema)
    assert.isUndefined(definition({ inputSchema: { type: "object", properties: { a: {} } } }).original)
  })

  it("has its references in their place, and a type", () => {
    const { schema, repairs } = repairedInput({
      properties: { a: { $ref: "#/$defs/word" } },
      $defs: { word: { type: "string" } }
    })
    assert.deepStrictEqual(schema, { properties: { a: { type: "string" } }, type: "object" })
    assert.lengthOf(repairs, 2)
  })

  it("of results is left out where clients would refuse it, and that is said", () => {
    const { listing, repairs } = definition({ outputSchema: { anyOf: [{ type: "object" }] } })
    assert.notProperty(listing, "outputSchema")
    assert.include(repairs, "the schema of its results is left out: it is no plain object at its root")
  })

  it("that is no object cannot be repaired", () => {
    for (const inputSchema of [5, "x", [], { type: "string" }]) assert.isString(definition({ inputSchema }).problem)
  })

  const Branch = Schema.Struct({
    properties: Schema.Record(Schema.String, Schema.Struct({ type: Schema.Literals(["string", "number"]) })),
    required: Schema.optionalKey(Schema.Array(Schema.String))
  })
  const Root = Schema.Struct({
    type: Schema.optionalKey(Schema.Literal("object")),
    properties: Schema.optionalKey(Schema.Record(Schema.String, Schema.Struct({ type: Schema.Literal("string") }))),
    anyOf: Schema.optionalKey(Schema.Array(Branch)),
    oneOf: Schema.optionalKey(Schema.Array(Branch)),
    allOf: Schema.optionalKey(Schema.Array(Branch)),
    not: Schema.optionalKey(Schema.Struct({}))
  })

  it.prop("is one that clients take, and repaired once more is the same", [Root], ([root]) => {
    const { schema } = repairedInput(root)
    assert.deepStrictEqual(problemsOf(schema, "input"), [])
    assert.strictEqual(canonical(repairedInput(schema).schema), canonical(schema))
  })
})

describe("a digest", () => {
  const shuffled = (value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .reverse()
            .map(([name, member]) => [name, shuffled(member)])
        )
      : value

  it.prop(
    "does not depend on the order of members, and does on everything else",
    [Schema.Json, Schema.Json],
    ([one, other]) => {
      assert.strictEqual(digestOf(one), digestOf(shuffled(one)))
      if (canonical(one) !== canonical(other)) assert.notStrictEqual(digestOf(one), digestOf(other))
    }
  )

  const Listing = Arbitrary.schema(Schema.Record(Schema.String, Schema.Json))
  it.prop(
    "of another definition there is a change to show, and of the same there is none",
    [Listing, Listing],
    ([one, other]) => {
      const of = (listing: Readonly<Record<string, unknown>>) => ({ listing, digest: digestOf(listing), repairs: [] })
      assert.lengthOf(changesOf(of(one), of(one)), 0)
      if (digestOf(one) !== digestOf(other)) assert.isNotEmpty(changesOf(of(one), of(other)))
    }
  )
})
