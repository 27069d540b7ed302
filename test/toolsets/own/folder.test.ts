import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { jsonOf, toolFile, tools } from "../../support/toolsFolder.ts"

const SLOW = { timeout: 120_000 }
const namesOf = (output: string) => jsonOf(output).tools.map(({ name }: { readonly name: string }) => name)
const NONE = { BUILT_IN_TOOLS: "none" }

describe("the tools of a folder", () => {
  it.live(
    "TL60 every module, in the order of the files, and what is none is left alone",
    () =>
      Effect.gen(function* () {
        const files = {
          "b.ts": toolFile("b_tool", "(): string => 'typed'"),
          "a.mjs": toolFile("a_tool", "() => 1"),
          "c.js": `${toolFile("c_tool", "() => 1")}
            import { prompt, resource } from "gatehouse-server"
            export const again = tool({ name: "c_again", title: "C", description: "D", run: () => 1 })
            export const said = prompt({ name: "said", title: "S", description: "D", run: () => "" })
            export const read = resource({ uri: "r://all", name: "r", read: () => "" })`,
          "_helper.ts": "throw new Error('is not loaded')",
          ".hidden.ts": "throw new Error('is not loaded')",
          "a.test.ts": "throw new Error('is not loaded')",
          "a.spec.mjs": "throw new Error('is not loaded')",
          "types.d.ts": "throw new Error('is not loaded')",
          "notes.md": "# notes",
          "below/d.ts": "throw new Error('is not loaded')"
        }
        const { code, output } = yield* tools(files, ["--json"], NONE)
        assert.strictEqual(code, 0, output)
        assert.deepStrictEqual(namesOf(output), ["a_tool", "b_tool", "c_again", "c_tool"])
        const listed = jsonOf(output)
        assert.deepEqual(listed.tools[1], {
          name: "b_tool",
          title: "Title of b_tool",
          scope: "mcp.tools.call",
          hints: "read only, closed world",
          origin: "tools/b.ts",
          notes: []
        })
        assert.match(listed.tools[2].notes.join(), /no hint readOnly, destructive, idempotent, openWorld/)
        assert.deepEqual(listed.prompts, [{ name: "said", title: "S", origin: "tools/c.js" }])
        assert.deepEqual(listed.resources, [{ uri: "r://all", name: "r", origin: "tools/c.js" }])

        const human = yield* tools(files, [], NONE)
        assert.match(human.output, /^a_tool {3}mcp\.tools\.call +read only, closed world +tools\/a\.mjs$/m)
        assert.match(human.output, /^ +note: no hint/m)
        assert.match(human.output, /^prompt said {2}tools\/c\.js$/m)
      }),
    SLOW
  )

  it.live(
    "TL61 all that is wrong with them is told at once, each with its file",
    () =>
      Effect.gen(function* () {
        const { code, output } = yield* tools({
          "a.ts": "import { tool } from 'gatehouse-server'\n\nexport default tool({{)\n",
          "b.ts": "export const a = 1",
          "c.ts": "throw new Error('no key')",
          "d.ts": "import 'nowhere-at-all'",
          "e.ts": toolFile("e tool", "() => 1"),
          "f.ts": toolFile("f", "() => 1", "app: { file: './f.html' },"),
          "g.ts": toolFile("g", "() => 1")
        })
        assert.strictEqual(code, 1)
        assert.match(output, /the tools are not usable:/)
        assert.match(output, /- tools\/a\.ts: line 3: /)
        assert.match(output, /- tools\/b\.ts: exports no tool, prompt or resource/)
        assert.match(output, /- tools\/c\.ts: no key/)
        assert.match(output, /- tools\/d\.ts: Cannot find package 'nowhere-at-all'/)
        assert.match(output, /- tools\/e\.ts: tool "e tool": a name has at most 64/)
        assert.match(output, /- tools\/f\.ts: tool "f": its card cannot be read: ENOENT/)
        assert.notMatch(output, /tools\/g\.ts/)
        assert.notMatch(output, /^\s+at /m)
      }),
    SLOW
  )

  it.live(
    "TL62 two of one name, or one of a built-in, are told with both places",
    () =>
      Effect.gen(function* () {
        const { code, output } = yield* tools({
          "a.ts": toolFile("roll", "() => 1"),
          "b.ts": toolFile("roll", "() => 2"),
          "c.ts": toolFile("calculator", "() => 3")
        })
        assert.strictEqual(code, 1)
        assert.include(output, 'tool "roll" is in tools/a.ts and in tools/b.ts')
        assert.match(
          output,
          /tool "calculator" is in Gatehouse itself \(BUILT_IN_TOOLS chooses .*\) and in tools\/c\.ts/
        )
        const free = yield* tools({ "c.ts": toolFile("calculator", "() => 3") }, ["--json"], {
          BUILT_IN_TOOLS: "search,fetch"
        })
        assert.deepStrictEqual(namesOf(free.output), ["search", "fetch", "calculator"])
      }),
    SLOW
  )

  it.live(
    "TL63 BUILT_IN_TOOLS: some, none, and a name that there is not; TOOLS_DIR: one that is no folder",
    () =>
      Effect.gen(function* () {
        const all = yield* tools({}, ["--json"])
        assert.deepStrictEqual(namesOf(all.output), ["calculator", "get_weather", "search_web", "search", "fetch"])
        const some = yield* tools({}, ["--json"], { BUILT_IN_TOOLS: "fetch, calculator" })
        assert.deepStrictEqual(namesOf(some.output), ["calculator", "fetch"])
        assert.deepStrictEqual(namesOf((yield* tools({}, ["--json"], NONE)).output), [])
        const unknown = yield* tools({}, [], { BUILT_IN_TOOLS: "calculator,dice" })
        assert.strictEqual(unknown.code, 1)
        assert.match(unknown.output, /BUILT_IN_TOOLS names dice; there are calculator, get_weather, /)
        for (const folder of ["/nowhere/at/all", import.meta.filename]) {
          const { code, output } = yield* tools({}, [], { TOOLS_DIR: folder })
          assert.strictEqual(code, 1)
          assert.include(output, `TOOLS_DIR: there is no folder ${folder}`)
        }
      }),
    SLOW
  )
})

describe("a tool that is run without a server", () => {
  const files = {
    "roll.ts": toolFile(
      "roll",
      "({ sides }, { person, progress, secret }) => { progress(1, 2, 'half'); return { sides, of: person.id, key: secret('DICE_KEY') } }",
      "input: { type: 'object', properties: { sides: { type: 'integer' } }, required: ['sides'] },"
    ),
    "bad.ts": toolFile("bad", "() => { throw new ToolFailure('Not on Sundays.') }")
  }

  it.live(
    "TL64 prints what an app would get; the exit code says whether it failed",
    () =>
      Effect.gen(function* () {
        const env = { DICE_KEY: "a key" }
        const good = yield* tools(files, ["call", "roll", '{"sides":"6"}'], env)
        assert.strictEqual(good.code, 0, good.output)
        assert.deepEqual(jsonOf(good.output).structuredContent, { sides: 6, of: "command line", key: "a key" })
        assert.match(good.output, /^1 of 2: half$/m)
        const bad = yield* tools(files, ["call", "bad"], env)
        assert.strictEqual(bad.code, 1)
        assert.strictEqual(jsonOf(bad.output).content[0].text, "Not on Sundays.")
        const wrong = yield* tools(files, ["call", "roll", '{"sides":"many"}'], env)
        assert.strictEqual(wrong.code, 1)
        assert.match(wrong.output, /The arguments are not valid: .*sides/)
        const nothing = yield* tools(files, ["call", "nobody"], env)
        assert.deepEqual([nothing.code, /there is no tool nobody/.test(nothing.output)], [1, true])
        const text = yield* tools(files, ["call", "roll", "{sides"], env)
        assert.deepEqual([text.code, /the arguments are not JSON/.test(text.output)], [1, true])
        const misuse = yield* tools(files, ["call"], env)
        assert.strictEqual(misuse.code, 2)
      }),
    SLOW
  )
})
