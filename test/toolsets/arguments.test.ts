import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { tool } from "../../src/toolsets/declare.ts"
import { NOBODY, placed } from "../support/toolset.ts"

const Input = Schema.Struct({
  location: Schema.String,
  latitude: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: -90, maximum: 90 }))),
  days: Schema.optionalKey(Schema.Int),
  units: Schema.optionalKey(Schema.Literals(["metric", "imperial"])),
  hourly: Schema.optionalKey(Schema.Boolean),
  note: Schema.optionalKey(Schema.NullOr(Schema.String)),
  either: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite])),
  hours: Schema.optionalKey(Schema.Array(Schema.Int)),
  near: Schema.optionalKey(Schema.Struct({ id: Schema.String, km: Schema.optionalKey(Schema.Finite) }))
})

const mirror = placed(
  tool({
    name: "mirror",
    title: "Mirror",
    description: "Says what it was given.",
    scope: { name: "mirror.look", sentence: "Look." },
    hints: { readOnly: true, idempotent: true, openWorld: false },
    input: Input,
    output: Schema.Struct({ given: Schema.Unknown }),
    run: (given) => Effect.succeed({ given })
  })
)

const given = (args: unknown) => Effect.map(mirror.call(args, NOBODY, {}), (answer) => Reflect.get(answer, "given"))
const refused = (args: unknown) => Effect.map(Effect.flip(mirror.call(args, NOBODY, {})), ({ message }) => message)

/** `more` beside what is required, and what of it the handler is given. */
const takes = (more: object, taken: object) =>
  Effect.gen(function* () {
    assert.deepEqual(yield* given({ location: "Rome", ...more }), { location: "Rome", ...taken }, JSON.stringify(more))
  })

describe("arguments", () => {
  it.effect("F10 null for what may be left out is absence", () =>
    Effect.gen(function* () {
      yield* takes({ latitude: null, days: null, units: null, hourly: null, near: null }, {})
      yield* takes({ near: { id: "a", km: null } }, { near: { id: "a" } })
      // Where the schema has a null of its own it is one.
      yield* takes({ note: null, days: null }, { note: null })
      assert.match(yield* refused({ location: null }), /"location": expected string/)
      assert.match(yield* refused(null), /"location": is required/)
    })
  )

  it.effect("F10 numbers, booleans and choices are read from text that spells them, and nothing else is", () =>
    Effect.gen(function* () {
      yield* takes({ latitude: "48.85" }, { latitude: 48.85 })
      yield* takes({ latitude: " -4e1 ", days: "5" }, { latitude: -40, days: 5 })
      yield* takes({ hourly: "true" }, { hourly: true })
      yield* takes({ hourly: "False" }, { hourly: false })
      yield* takes({ units: "Imperial" }, { units: "imperial" })
      yield* takes({ units: " METRIC" }, { units: "metric" })
      yield* takes({ hours: ["1", 2], near: { id: "a", km: "7" } }, { hours: [1, 2], near: { id: "a", km: 7 } })
      // A text that may be one stays one, whatever else had to be read.
      yield* takes({ either: "5", days: "5" }, { either: "5", days: 5 })
      const wrong = [
        ["latitude", "48,85"],
        ["latitude", ""],
        ["latitude", "0x10"],
        ["latitude", "Infinity"],
        ["latitude", "1e999"],
        ["latitude", "91"],
        ["latitude", "1".repeat(100_000)],
        ["latitude", true],
        ["latitude", ["1"]],
        ["days", "5.5"],
        ["hourly", "yes"],
        ["hourly", 1],
        ["units", "kelvin"],
        ["units", "constructor"]
      ] as const
      for (const [name, value] of wrong) {
        assert.match(yield* refused({ location: "Rome", [name]: value }), new RegExp(`^The arguments.*"${name}": `))
      }
      assert.match(yield* refused({ location: 7 }), /"location": expected string/)
    })
  )

  it.effect("F10 members that programs add are ignored", () =>
    Effect.gen(function* () {
      yield* takes(
        { toolCallId: "1", sessionId: "2", requestId: 3, _meta: {}, _location: 1, url: "x", action: null },
        {}
      )
      yield* takes({ toolCallId: "1", days: "5" }, { days: 5 })
    })
  )

  it.effect("F10 a known name misspelt is refused by naming it", () =>
    Effect.gen(function* () {
      for (const [name, meant] of [
        ["unit", "units"],
        ["day", "days"],
        ["dasy", "days"],
        ["Latitude", "latitude"],
        ["lattitude", "latitude"],
        ["loaction", "location"],
        ["hour-ly", "hourly"]
      ]) {
        assert.strictEqual(
          yield* refused({ location: "Rome", [String(name)]: 1 }),
          `The arguments are not valid: "${name}" is unknown (is "${meant}" meant?).`,
          name
        )
      }
      assert.match(
        yield* refused({ Location: "Rome" }),
        /"Location" is unknown \(is "location" meant\?\); "location": is req/
      )
      assert.match(yield* refused({ lat: 1 }), /^The arguments are not valid: "location": is required\.$/)
    })
  )

  it.effect("F10 no member reaches a prototype", () =>
    Effect.gen(function* () {
      const hostile = (more: string) => JSON.parse(`{"location": "Rome", ${more}}`)
      for (const more of ['"__proto__": {"days": 7}', '"constructor": {"prototype": {"days": 7}}']) {
        for (const days of ["", ', "days": "3"']) {
          const taken = yield* given(hostile(more + days))
          assert.deepEqual(taken, { location: "Rome", ...(days === "" ? {} : { days: 3 }) })
          assert.strictEqual(Object.getPrototypeOf(taken), Object.prototype)
        }
      }
      assert.match(yield* refused(JSON.parse('{"__proto__": {"location": "Rome"}}')), /"location": is required/)
      assert.notProperty({}, "days")
    })
  )

  it.effect("F10 what is no object is refused, and far too many members too", () =>
    Effect.gen(function* () {
      for (const args of [7, "Rome", [], ["location"], true])
        assert.match(yield* refused(args), /^The arguments are not/)
      const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`member${index}`, index]))
      const told = yield* refused({ location: "Rome", ...many })
      assert.match(told, /there are more than 64 unknown members \(known are location, /)
      assert.isBelow(told.length, 300)
    })
  )

  it("F10 the published schema stays strict", () => {
    assert.strictEqual(mirror.inputSchema.additionalProperties, false)
    assert.deepEqual(mirror.inputSchema.required, ["location"])
    assert.deepInclude(mirror.inputSchema.properties, { hourly: { type: "boolean" }, location: { type: "string" } })
  })
})
