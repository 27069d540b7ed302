import { assert, describe, it } from "@effect/vitest"
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import { type } from "arktype"
import { Effect, Logger, Schema } from "effect"
import * as v from "valibot"
import { z } from "zod"
import { call } from "../../src/mcp/answers.ts"
import { content, text } from "../../src/toolsets/content.ts"
import { DeclarationInvalid, tool } from "../../src/toolsets/declare.ts"
import type { AnySchema } from "../../src/toolsets/schemas.ts"
import { NOBODY, placed } from "../support/toolset.ts"

const SAID = { name: "roll", title: "Roll", description: "Rolls." } as const

const LIBRARIES: Readonly<Record<string, { readonly input: AnySchema; readonly output: AnySchema }>> = {
  zod: {
    input: z.object({
      sides: z.int().min(2).max(1000),
      label: z.string().optional(),
      count: z.int().min(1).max(100).default(1)
    }),
    output: z.object({ sum: z.int() })
  },
  Valibot: {
    input: toStandardJsonSchema(
      v.object({
        sides: v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(1000)),
        label: v.optional(v.string()),
        count: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)), 1)
      })
    ),
    output: toStandardJsonSchema(v.object({ sum: v.pipe(v.number(), v.integer()) }))
  },
  ArkType: {
    input: type({ sides: "2 <= number.integer <= 1000", "label?": "string", count: "1 <= number.integer <= 100 = 1" }),
    output: type({ sum: "number.integer" })
  },
  "Effect Schema": {
    input: Schema.Struct({
      sides: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 1000 })),
      label: Schema.optionalKey(Schema.String),
      count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 })).pipe(
        Schema.withDecodingDefaultKey(Effect.succeed(1))
      )
    }),
    output: Schema.Struct({ sum: Schema.Int })
  },
  "JSON Schema": {
    input: {
      type: "object",
      properties: {
        sides: { type: "integer", minimum: 2, maximum: 1000 },
        label: { type: "string" },
        count: { type: "integer", minimum: 1, maximum: 100, default: 1 }
      },
      required: ["sides"]
    },
    output: { type: "object", properties: { sum: { type: "integer" } }, required: ["sum"] }
  }
}

/** What a client reads of a tool's arguments, in whatever spelling the library has for the rest. */
const shapeOf = ({ type, properties, required }: Readonly<Record<string, unknown>>) => ({
  type,
  required,
  properties: Object.fromEntries(
    Object.entries(Object(properties)).map(([name, member]) => {
      const { type, minimum, maximum } = Object(member)
      return [name, { type, minimum, maximum }]
    })
  )
})

const resultOf = (declared: Parameters<typeof placed>[0], args: unknown) =>
  call(placed(declared), args, NOBODY, {}, () => Effect.die("nothing is asked"))

const wordsOf = (declared: Parameters<typeof placed>[0], args: unknown) =>
  Effect.map(resultOf(declared, args), ({ content = [], isError }) => {
    assert.isTrue(isError)
    const [part] = content
    return part?.type === "text" ? part.text : ""
  })

/** What an effect logs, as text. */
const logged = <A>(effect: Effect.Effect<A>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message, logLevel }) => {
    lines.push([logLevel, ...[message].flat().map(String)].join(" "))
  })
  return Effect.map(Effect.provide(effect, Logger.layer([logger])), (answer) => ({ answer, lines }))
}

describe("a tool in any schema library", () => {
  for (const [library, { input, output }] of Object.entries(LIBRARIES)) {
    const mirror = tool({ ...SAID, input, run: (given) => ({ given }) })
    const given = (args: unknown) => Effect.map(resultOf(mirror, args), (result) => result.structuredContent?.given)

    it(`TL1 is listed as the same JSON Schema (${library})`, () => {
      assert.deepStrictEqual(shapeOf(mirror.inputSchema), {
        type: "object",
        required: ["sides"],
        properties: {
          sides: { type: "integer", minimum: 2, maximum: 1000 },
          label: { type: "string", minimum: undefined, maximum: undefined },
          count: { type: "integer", minimum: 1, maximum: 100 }
        }
      })
      assert.notMatch(JSON.stringify(mirror.inputSchema), /\$schema|\$ref|\$defs/)
    })

    it.effect(`TL2 F10 reads arguments, with what was left out and what was plainly meant (${library})`, () =>
      Effect.gen(function* () {
        assert.deepEqual(yield* given({ sides: 6 }), { sides: 6, count: 1 })
        assert.deepEqual(yield* given({ sides: "6", count: "2" }), { sides: 6, count: 2 })
        assert.deepEqual(yield* given({ sides: 6, label: null }), { sides: 6, count: 1 })
        assert.deepEqual(yield* given({ sides: 6, label: "7" }), { sides: 6, label: "7", count: 1 })
      })
    )

    it.effect(`TL3 refuses the others in words that name the member (${library})`, () =>
      Effect.gen(function* () {
        assert.match(yield* wordsOf(mirror, { sides: 1 }), /^The arguments are not valid: "sides": .+\.$/)
        assert.match(yield* wordsOf(mirror, { sides: "many" }), /"sides": /)
        assert.match(yield* wordsOf(mirror, {}), /"sides": /)
        assert.match(yield* wordsOf(mirror, { sides: 6, count: 101 }), /"count": /)
        assert.match(yield* wordsOf(mirror, { side: 6 }), /"side" is unknown \(is "sides" meant\?\)/)
        assert.match(yield* wordsOf(mirror, [6]), /^The arguments are not valid: /)
      })
    )

    it.effect(
      `TL4 answers what its output says; a broken result is a sentence, and the error is in the log (${library})`,
      () =>
        Effect.gen(function* () {
          const roller = (sum: unknown) =>
            tool({ ...SAID, output, run: () => Object({ sum }) as { readonly sum: number } })
          const good = yield* resultOf(roller(7), {})
          assert.deepEqual(good.structuredContent, { sum: 7 })
          assert.deepEqual(good.content, [{ type: "text", text: '{"sum":7}' }])
          const { answer, lines } = yield* logged(resultOf(roller("a secret"), {}))
          assert.deepEqual(answer, {
            isError: true,
            content: [{ type: "text", text: "The tool failed. Try again later." }]
          })
          assert.match(lines.join("\n"), /Error .*the result breaks its own schema: "sum": /)
        })
    )
  }

  it.effect("TL4 parts stand beside data, which the output holds too", () =>
    Effect.gen(function* () {
      const output = z.object({ sum: z.int() })
      const both = tool({ ...SAID, output, run: () => content([text("seven")], { sum: 7 }) })
      assert.deepEqual(yield* resultOf(both, {}), {
        structuredContent: { sum: 7 },
        content: [{ type: "text", text: "seven" }]
      })
      const without = tool({ ...SAID, output, run: () => content([text("seven")]) })
      assert.match((yield* logged(resultOf(without, {}))).lines.join(), /breaks its own schema/)
    })
  )

  it.effect("TL4 without an output, objects are values and all else is text", () =>
    Effect.gen(function* () {
      const answers = (value: unknown) => resultOf(tool({ ...SAID, run: () => value }), {})
      assert.deepEqual((yield* answers({ a: 1 })).structuredContent, { a: 1 })
      const words = (value: unknown) =>
        Effect.map(answers(value), ({ structuredContent, content }) => {
          assert.isUndefined(structuredContent)
          return content
        })
      assert.deepEqual(yield* words("plain"), [{ type: "text", text: "plain" }])
      assert.deepEqual(yield* words(7), [{ type: "text", text: "7" }])
      assert.deepEqual(yield* words([1, 2]), [{ type: "text", text: "[1,2]" }])
      assert.deepEqual(yield* words(undefined), [{ type: "text", text: "Done." }])
      assert.deepEqual(yield* words(null), [{ type: "text", text: "null" }])
      // An object in the program, and none in JSON: a client would refuse it as structured content.
      assert.deepEqual(yield* words(new Date(0)), [{ type: "text", text: '"1970-01-01T00:00:00.000Z"' }])
      assert.isTrue((yield* answers({ big: 1n })).isError)
    })
  )

  it.effect("TL2 refinements that look something up are waited for, at once or not", () =>
    Effect.gen(function* () {
      const known = async (name: string) => name === "rome"
      const place = tool({
        ...SAID,
        input: z.object({ name: z.string().refine(known, "nobody knows it"), days: z.int().default(1) }),
        run: ({ name, days }) => ({ name, days })
      })
      assert.deepEqual((yield* resultOf(place, { name: "rome", days: "2" })).structuredContent, {
        name: "rome",
        days: 2
      })
      assert.match(yield* wordsOf(place, { name: "oz" }), /"name": nobody knows it/)
      const { "~standard": standard } = z.object({ name: z.string() })
      const validate = () => Promise.reject(new Error("no database"))
      const broken = tool({ ...SAID, input: { "~standard": { ...standard, validate } }, run: () => "never" })
      const { answer, lines } = yield* logged(resultOf(broken, { name: "rome" }))
      assert.isTrue(answer.isError)
      assert.notInclude(JSON.stringify(answer), "no database")
      assert.match(lines.join(), /no database/)
    })
  )

  it.effect("TL3 a member's name in a typed-in schema may be anything", () =>
    Effect.gen(function* () {
      const numbers = tool({
        ...SAID,
        input: { type: "object", additionalProperties: { type: "number" } },
        run: (given) => ({ given })
      })
      assert.match(yield* wordsOf(numbers, { "100%": "a" }), /"100%": must be number/)
      assert.match(yield* wordsOf(numbers, { "a/b~c": "a" }), /"a\/b~c": must be number/)
    })
  )
})

/** Why a declaration is refused. */
const refused = (input: AnySchema, side: "input" | "output" = "input"): string => {
  try {
    tool({ ...SAID, [side]: input, run: () => Object({}) })
  } catch (error) {
    assert.instanceOf(error, DeclarationInvalid)
    return error.message
  }
  return "declared"
}

describe("a tool that no client could use is an error when it is declared", () => {
  it("TL5 what cannot be told as JSON Schema, with the tool and the member", () => {
    const date = z.object({ when: z.date() })
    for (const side of ["input", "output"] as const) {
      assert.match(refused(date, side), /^tool "roll": "when" cannot be told as JSON Schema: Date cannot/)
      assert.match(refused(type({ when: "Date" }), side), /^tool "roll": "when" cannot be told/)
      assert.match(refused(Schema.Struct({ when: Schema.Date }), side), /^tool "roll": "when" cannot be told/)
      assert.match(refused(toStandardJsonSchema(v.object({ when: v.date() })), side), /^tool "roll": .*"date" schema/)
    }
    assert.match(refused(z.object({ a: z.object({ list: z.array(date) }) })), /"a\.list\.items\.when" cannot/)
    assert.match(refused(type({ a: { when: "Date" } })), /"a\.when" cannot/)
    const deep = Schema.Struct({ a: Schema.Array(Schema.Struct({ when: Schema.optionalKey(Schema.Date) })) })
    assert.match(refused(deep), /"a\.items\.when" cannot/)
    assert.match(refused(Schema.Struct({ n: Schema.BigInt })), /"n" cannot/)
    // A transform is told by what goes in, and not by what comes out.
    const length = z.object({ length: z.string().transform((text) => text.length) })
    assert.strictEqual(refused(length), "declared")
    assert.match(refused(length, "output"), /"length" cannot be told/)
    assert.strictEqual(refused(Schema.Struct({ when: Schema.DateFromString }), "output"), "declared")
  })

  it("TL5 a schema that contains itself beside such a member is looked at once", () => {
    interface Node {
      readonly self?: Node | undefined
      readonly when: Date
    }
    const Node: z.ZodType<Node> = z.object({
      get self() {
        return Node.optional()
      },
      when: z.date()
    })
    assert.match(refused(Node), /cannot be told as JSON Schema: Date/)
  })

  it("TL5 a library that has no JSON Schema, with what helps", () => {
    assert.match(
      refused(v.object({ a: v.string() })),
      /^tool "roll": the input schema gives no JSON Schema: wrap it in/
    )
  })

  it("TL5 a typed-in schema that is none; the draft that it was written for is no matter", () => {
    assert.match(refused({ type: "objekt" }), /^tool "roll": schema is invalid/)
    const $schema = "http://json-schema.org/draft-07/schema#"
    assert.strictEqual(refused({ $schema, type: "object", properties: { a: { type: "string" } } }), "declared")
  })

  it("TL6 a root that is no object, or has alternatives beside it", () => {
    assert.match(refused(z.string()), /the input schema is not an object at its root/)
    assert.match(refused({ type: "array" }, "output"), /the output schema is not an object at its root/)
    const union = z.discriminatedUnion("k", [z.object({ k: z.literal("a") }), z.object({ k: z.literal("b") })])
    assert.match(refused(union), /has "oneOf" at its root: put the alternatives into a member/)
    for (const key of ["anyOf", "oneOf", "allOf"]) {
      assert.include(refused({ type: "object", [key]: [{}] }), `has "${key}" at its root`)
    }
    assert.strictEqual(refused(z.object({ either: union })), "declared")
  })

  it("TL7 a name that clients do not take, no title, no description", () => {
    const named = (name: unknown) => () => tool({ ...SAID, name: name as string, run: () => "" })
    for (const name of ["", "a b", "ä", "a.b", "a".repeat(65), undefined]) {
      assert.throws(named(name), DeclarationInvalid, "a name has at most 64 letters, digits, _ and -")
    }
    assert.doesNotThrow(named("A-z_0".padEnd(64, "x")))
    assert.throws(() => tool({ ...SAID, title: "", run: () => "" }), DeclarationInvalid, "a title for people")
    assert.throws(
      () => tool({ ...SAID, description: "", run: () => "" }),
      DeclarationInvalid,
      "a description for models"
    )
  })
})

describe("the JSON Schema that is listed", () => {
  const listed = (input: AnySchema) => tool({ ...SAID, input, run: () => "" }).inputSchema

  it("TL8 has definitions in their places, and what contains itself is cut", () => {
    const address = { type: "object", properties: { city: { type: "string" } } }
    const schema = listed({
      type: "object",
      properties: { home: { $ref: "#/$defs/a~1b" }, tree: { $ref: "#/$defs/tree" } },
      $defs: {
        "a/b": address,
        tree: { type: "object", properties: { children: { type: "array", items: { $ref: "#/$defs/tree" } } } }
      }
    })
    assert.notMatch(JSON.stringify(schema), /\$ref|\$defs/)
    assert.deepEqual(Object(schema.properties).home, address)
    assert.strictEqual(JSON.stringify(schema).split('"children"').length - 1, 3)
  })

  it("TL8 leaves members alone that are called as keywords are, and values that look like schemas", () => {
    const properties = {
      definitions: { type: "string" },
      $ref: { type: "string" },
      kind: { enum: [{ $ref: "#/x", $defs: 1 }], default: { $schema: "s" } }
    }
    assert.deepEqual(listed({ type: "object", properties, required: ["definitions"] }).properties, properties)
  })

  it("TL8 definitions that multiply are refused and not told at all", () => {
    const names = Array.from({ length: 8 }, (_, i) => `d${i}`)
    const all = Object.fromEntries(names.map((name) => [name, { $ref: `#/$defs/${name}` }]))
    const $defs = Object.fromEntries(names.map((name) => [name, { type: "object", properties: all }]))
    assert.include(refused({ type: "object", properties: all, $defs }), "refer to each other too often")
  })
})

describe("hints", () => {
  const hinted = (hints: Parameters<typeof tool>[0]["hints"]) => {
    const { annotations, notes } = tool({ ...SAID, ...(hints && { hints }), run: () => "" })
    return { annotations, notes }
  }

  it("TL9 what is left out is told as the worst case, and the author hears of it", () => {
    const { annotations, notes } = hinted(undefined)
    assert.deepEqual(annotations, {
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: false,
      openWorldHint: true
    })
    assert.strictEqual(notes.length, 1)
    assert.include(notes[0], "no hint readOnly, destructive, idempotent, openWorld")
  })

  it("TL9 what only reads destroys nothing, and what is said is told", () => {
    const { annotations, notes } = hinted({ readOnly: true, openWorld: false })
    assert.deepEqual(annotations, {
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: false,
      openWorldHint: false
    })
    assert.deepEqual(notes, [])
    assert.isFalse(hinted({ readOnly: false, destructive: false }).annotations.destructiveHint)
  })

  it("TL9 a description that some apps cut is noted", () => {
    const { notes } = tool({
      ...SAID,
      description: "a".repeat(1025),
      hints: { readOnly: true, openWorld: false },
      run: () => ""
    })
    assert.match(notes.join(), /longer than the 1024 characters/)
  })
})
