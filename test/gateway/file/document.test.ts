import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { isOurs } from "../../../src/config/environment.ts"
import { Entry } from "../../../src/gateway/file/entry.ts"
import { readMounts } from "../../../src/gateway/file/mounts.ts"
import { decodeRecipe } from "../../../src/gateway/file/recipe.ts"

const ROOT = join(import.meta.dirname, "../../..")
const textOf = (file: string) => readFileSync(join(ROOT, file), "utf8")
const PAGE = textOf("docs/servers.md")

const blocks = (language: string) =>
  [...PAGE.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, is, text = ""]) => (is === language ? [text] : []))

/** The rows of the table below a heading, by their cells. */
const rowsOf = (heading: string) => {
  const [, below = ""] = new RegExp(`^##+ ${heading}\\n([\\s\\S]*?)(?=^##|(?![\\s\\S]))`, "m").exec(PAGE) ?? []
  return [...below.matchAll(/^\| `.*$/gm)].map(([row]) => row.split("|").map((cell) => cell.trim()))
}
const firstWords = (heading: string) => rowsOf(heading).map(([, first = ""]) => first.replaceAll("`", ""))
const read = (text: string) => readMounts(text, "/srv", { isOurs, lookUp: () => "1" })

const SEEN = { calls: "calls", list: "its list", refusal: "its refusal", no: "not run" }

describe("docs/servers.md", () => {
  it("names every member of an entry, and of a rule", () => {
    assert.sameMembers(firstWords("An entry"), Object.keys(Entry.fields))
    assert.sameMembers(firstWords("Tools"), ["alias", "scope", "hints"])
  })

  it("shows files that are taken, and the first of them is what the recipe writes", () => {
    for (const text of [...blocks("json"), ...blocks("jsonc")]) assert.deepStrictEqual(read(text).problems, [])
    const { entry } = JSON.parse(textOf("recipes/memory.json"))
    assert.deepStrictEqual(JSON.parse(blocks("json")[0] ?? "").mcpServers.memory, entry)
  })

  it.effect("lists every recipe, with what it needs and how far it was tried", () =>
    Effect.gen(function* () {
      const rows = rowsOf("Recipes")
      assert.sameMembers(
        firstWords("Recipes"),
        readdirSync(join(ROOT, "recipes")).map((file) => file.replace(/\.json$/, ""))
      )
      for (const [, name = "", , , needs = "", tried = ""] of rows) {
        const recipe = yield* decodeRecipe(textOf(`recipes/${name.replaceAll("`", "")}.json`))
        assert.strictEqual(needs, recipe.needs.map(({ name }) => `\`${name}\``).join(" "), name)
        assert.strictEqual(tried, SEEN[recipe.proven], name)
      }
    })
  )
})
