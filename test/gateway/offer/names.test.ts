import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { nameAt, namesOf } from "../../../src/gateway/offer/names.ts"
import { mayBeOf } from "../../../src/toolsets/relay.ts"

const wanting = (server: string, name: string, alias?: string) => ({ server, name, alias })
const given = (all: ReadonlyArray<ReturnType<typeof wanting>>, taken: ReadonlyArray<string> = []) =>
  namesOf(all, taken).named.map(({ name }) => name)

describe("what a mount's tools are called", () => {
  it("is the server's name and theirs, in a table that leads back", () => {
    const tool = wanting("memory", "read__graph")
    assert.deepStrictEqual(namesOf([tool], []).named, [{ name: "memory__read__graph", of: tool }])
  })

  const Server = Schema.String.check(Schema.isPattern(/^[a-zA-Z0-9_-]{1,16}$/))
  const Name = Schema.String.check(Schema.isMaxLength(120))

  it.prop(
    "is at most 64 of [a-zA-Z0-9_-], the same each time, and different for different tools",
    [Server, Name, Name],
    ([server, one, other]) => {
      assert.match(nameAt(server, one), /^[a-zA-Z0-9_-]{1,64}$/)
      assert.strictEqual(nameAt(server, one), nameAt(server, one))
      if (one !== other) assert.notStrictEqual(nameAt(server, one), nameAt(server, other))
    }
  )

  it("what is cut or spelled anew in the same way is told apart", () => {
    assert.notStrictEqual(nameAt("a", "b.c"), nameAt("a", "b c"))
    assert.notStrictEqual(nameAt("a", `${"b".repeat(70)}1`), nameAt("a", `${"b".repeat(70)}2`))
  })

  it("an alias comes first, and what is taken here already keeps its name", () => {
    assert.deepStrictEqual(given([wanting("a", "b"), wanting("c", "d", "a__b")]), ["a__b"])
    assert.deepStrictEqual(given([wanting("a", "b", "fetch")], ["fetch"]), ["a__b"])
    assert.deepStrictEqual(namesOf([wanting("a", "b")], ["a__b"]).unnamed, [wanting("a", "b")])
  })

  const Wanting = Schema.Struct({
    server: Schema.Literals(["a", "a_", "a__b"]),
    name: Schema.Literals(["b", "_b", "b__b", "b.b"]),
    alias: Schema.UndefinedOr(Schema.Literals(["a__b", "x"]))
  })

  it.prop("no two have one name, however they are spelled", [Arbitrary.array(Arbitrary.schema(Wanting))], ([all]) => {
    const { named, unnamed } = namesOf(all, ["x"])
    assert.strictEqual(new Set(named.map(({ name }) => name)).size, named.length)
    assert.strictEqual(named.length + unnamed.length, all.length)
    assert.notInclude(
      named.map(({ name }) => name),
      "x"
    )
  })
})

describe("an address and the template that it may be of", () => {
  it("has what stands outside of the braces, in order", () => {
    for (const [template, uri, expected] of [
      ["a://{x}", "a://1", true],
      ["a://{x}", "b://1", false],
      ["a://{x}/b", "a://1/b", true],
      ["a://{x}/b", "a:///b", true],
      ["a://b{x}b", "a://b", false],
      ["a://{x}/c/{y}.txt", "a://1/c/2.txt", true],
      ["a://{x}/c/{y}.txt", "a://1/d/2.txt", false],
      ["a://{x}/c/{y}.txt", "a://1/c.txt", false],
      ["a://{?x,y}", "a://?x=1", true]
    ] as const) {
      assert.strictEqual(mayBeOf(template, uri), expected, `${template} ${uri}`)
    }
  })
})
