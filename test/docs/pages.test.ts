import { createServer } from "node:http"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { parse } from "yaml"
import { destinationOf, files, linksOf, pages, slug, textOf } from "../../docs/.vitepress/pages.ts"
import { diagnose } from "../../src/doctor/findings.ts"

/** A text without what stands in blocks of code. */
const prose = (text: string) => text.replace(/^```[\s\S]*?^```$/gm, "")

/** The anchors of a text: one that comes again has a number, as GitHub and the site give it. */
const anchorsOf = (file: string) => {
  const seen = new Map<string, number>()
  return [...prose(textOf(file)).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => {
    const name = slug(heading)
    const before = seen.get(name) ?? 0
    seen.set(name, before + 1)
    return before === 0 ? name : `${name}-${before}`
  })
}

describe("the pages", () => {
  it("lead where their links say, to headings that are there", () => {
    for (const file of [...files, "README.md"]) {
      for (const link of linksOf(textOf(file))) {
        const destination = destinationOf(file, link)
        assert.notStrictEqual(destination.kind, "nowhere", `${file}: ${link}`)
        if (destination.kind !== "page" || destination.anchor === "") continue
        assert.include(anchorsOf(destination.page), destination.anchor, `${file}: ${link}`)
      }
    }
  })

  it("have a title, a first sentence and an address of their own", () => {
    for (const { file, title, description } of pages) {
      assert.isNotEmpty(title, file)
      assert.isNotEmpty(description, file)
    }
    assert.strictEqual(new Set(pages.map(({ name }) => name)).size, pages.length)
  })

  it("are all named by README.md", () => {
    const named = linksOf(textOf("README.md"))
    const missing = pages.map(({ file }) => file).filter((file) => !named.includes(file))
    assert.deepStrictEqual(missing, [])
  })
})

/** Answers every request with 404, so that a doctor finds all that can be wrong. */
const nobody = Effect.acquireRelease(
  Effect.callback<{ readonly base: string; readonly close: () => void }>((resume) => {
    const server = createServer((_, response) => void response.writeHead(404).end())
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" ? address?.port : 0
      resume(Effect.succeed({ base: `http://127.0.0.1:${port}`, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const PAGE = textOf("docs/troubleshooting.md")
const plain = (text: string) => text.replaceAll("`", "").replace(/\s+/g, " ")

describe("docs/troubleshooting.md", () => {
  it.live("has each of the doctor's findings, with what to do about it", () =>
    Effect.gen(function* () {
      const { base } = yield* nobody
      const { findings } = yield* diagnose(base)
      const entries = new Map(
        [...PAGE.matchAll(/^### (.+)\n([\s\S]*?)(?=^##)/gm)].map(([, title = "", text = ""]) => [title, plain(text)])
      )
      assert.sameMembers(
        [...entries.keys()],
        findings.map(({ title }) => title)
      )
      for (const { title, fix } of findings) {
        assert.include(entries.get(title), fix.replace(base, "https://your.host"), title)
      }
    }).pipe(Effect.scoped)
  )

  it("quotes what the program says when it does not start", () => {
    const [, section = ""] = /^## It does not start\n([\s\S]*?)^## /m.exec(PAGE) ?? []
    const quoted = [...section.matchAll(/^\*\*([a-z].*?)\.?\*\*/gm)].map(([, words = ""]) => words)
    assert.isAtLeast(quoted.length, 5)
    const said = ["config/ServerConfig.ts", "database/connect.ts", "database/lock.ts", "database/migrations.sql.ts"]
      .map((file) => textOf(join("src", file)))
      .join("\n")
    for (const words of quoted) {
      for (const part of words.split("…")) assert.include(said, part.trim(), words)
    }
  })
})

describe("what an issue asks for", () => {
  it("can be read as a form", () => {
    for (const name of ["bug", "feature"]) {
      const form = parse(textOf(`.github/ISSUE_TEMPLATE/${name}.yml`))
      assert.isNotEmpty(form.name)
      assert.isNotEmpty(form.description)
      for (const { type, attributes } of form.body) {
        assert.include(["markdown", "textarea", "input"], type)
        assert.isNotEmpty(attributes.label ?? attributes.value)
      }
    }
    assert.isFalse(parse(textOf(".github/ISSUE_TEMPLATE/config.yml")).blank_issues_enabled)
  })
})
