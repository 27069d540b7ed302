import { execFile } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"

const ROOT = join(import.meta.dirname, "../..")
const EXAMPLES = join(ROOT, "examples")
const textOf = (file: string) => readFileSync(join(ROOT, file), "utf8")
const PAGE = textOf("docs/tools.md")

const blocks = (language: string, page = PAGE) =>
  [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, is, text = ""]) => (is === language ? [text] : []))

/** What a command of the page prints, said where the folder of the examples is `tools/`. */
const printed = async (command: string) => {
  const program = `"${process.execPath}" "${join(ROOT, "src/app/programs/tools.ts")}"`
  const typed = command.replace(/^npm run -s tools( --)?/, program)
  assert.notStrictEqual(typed, command, "a command that this test does not know")
  const env = { BUILT_IN_TOOLS: "calculator", NOTES_FILE: ":memory:" }
  const { stdout } = await promisify(execFile)("/bin/sh", ["-c", typed], { cwd: EXAMPLES, env })
  return stdout
}

/** The names of an interface's members. */
const membersOf = (file: string, name: string) => {
  const [, body = ""] = new RegExp(`export interface ${name}\\b[^\\n]*{\\n([\\s\\S]*?)^}`, "m").exec(textOf(file)) ?? []
  return [...body.matchAll(/^ {2}readonly (\w+)/gm)].map(([, member = ""]) => member)
}

/** The first words of a table's rows, below a heading. */
const rowsOf = (heading: string) => {
  const [, below = ""] = new RegExp(`^## ${heading}\\n([\\s\\S]*?)(?=^## |(?![\\s\\S]))`, "m").exec(PAGE) ?? []
  return [...below.matchAll(/^\| `(\w+)/gm)].map(([, word = ""]) => word)
}

describe("docs/tools.md", () => {
  it("shows every file of examples/ as it is, and no other code", () => {
    const files = readdirSync(EXAMPLES, { recursive: true, encoding: "utf8" }).filter((file) => /\.\w+$/.test(file))
    const shown = [...blocks("ts"), ...blocks("html")]
    assert.sameMembers(
      shown,
      files.map((file) => textOf(`examples/${file}`))
    )
    for (const file of files) {
      const text = textOf(`examples/${file}`)
      if (file.endsWith(".ts")) assert.isTrue(text.startsWith(`// ${file}\n`), `${file} says which file it is`)
      assert.isAtMost(text.split("\n").length, 41, `${file} is short`)
    }
    assert.deepStrictEqual(blocks("ts", textOf("README.md")), [textOf("examples/tools/roll-dice.ts")])
  })

  it("shows what the commands print", { timeout: 120_000 }, async () => {
    const [list = "", called = ""] = blocks("console")
    assert.strictEqual(await printed("npm run -s tools"), list)
    const [, command = "", answer] = /^\$ (.+)\n([\s\S]*)$/.exec(called) ?? []
    assert.strictEqual(await printed(command), answer)
    const [first = ""] = blocks("sh")
    for (const command of first.trim().split("\n")) assert.include(await printed(command), "roll", command)
  })

  it("names every member of a declaration, and of the context", () => {
    assert.sameMembers(rowsOf("The declaration"), membersOf("src/toolsets/declare.ts", "Declaration"))
    assert.sameMembers(rowsOf("The context"), membersOf("src/toolsets/context.ts", "ToolContext"))
    assert.sameMembers(rowsOf("Hints"), membersOf("src/toolsets/declare.ts", "Hints"))
  })
})
