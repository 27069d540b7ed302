/** Which test proves which requirement, by the ids that its name begins with; and docs/acceptance.md, which is made of that. */

import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { requirements } from "./requirements.ts"

const TESTS = join(import.meta.dirname, "..")
export const PAGE = join(TESTS, "../docs/acceptance.md")

/** A name: a text that begins with an id. Ids stand in front, or behind a semicolon where a test proves one more. */
const NAME = /["`]((?:[A-Z]{1,2}\d+(?:, | ))+[^"`]*)/g
const IDS = /(?:^|; )((?:[A-Z]{1,2}\d+(?:, | ))+)/g

/** The files whose tests carry an id, below test/, by id. */
export const coverage = (): ReadonlyMap<string, ReadonlyArray<string>> => {
  const files = new Map<string, Set<string>>()
  const all = readdirSync(TESTS, { recursive: true, encoding: "utf8" })
  for (const file of all.filter((name) => name.endsWith(".test.ts")).sort()) {
    for (const [, name = ""] of readFileSync(join(TESTS, file), "utf8").matchAll(NAME)) {
      for (const [, ids = ""] of name.matchAll(IDS)) {
        for (const id of ids.match(/[A-Z]{1,2}\d+/g) ?? []) files.set(id, (files.get(id) ?? new Set()).add(file))
      }
    }
  }
  return new Map([...files].map(([id, found]) => [id, [...found]]))
}

const cell = (text: string) => text.replaceAll("|", "\\|")

/** docs/acceptance.md. */
export const renderPage = (): string => {
  const covered = coverage()
  const sections = [...new Set(requirements.map(({ area }) => area))].map((area) => {
    const rows = requirements
      .filter((requirement) => requirement.area === area)
      .map(({ id, text, source }) => {
        const files = (covered.get(id) ?? []).map((file) => `[${file.replace(".test.ts", "")}](../test/${file})`)
        return `| ${id} | ${cell(text)} | ${cell(source)} | ${files.join(", ")} |`
      })
    return [`## ${area}`, "", "| | request → answer | rule | tests |", "| --- | --- | --- | --- |", ...rows].join("\n")
  })
  return `${[
    "# Acceptance",
    "",
    "What this server has to do, where that is written, and the tests that prove it. Written by `npm run acceptance` from",
    "`test/acceptance/requirements.ts` and from the names of the tests; `npm test` fails where a requirement has none.",
    "",
    "*page*: `text/html`, no `Location`. *redir*: 302 or 303 to the registered URI with `error`, `state` where there is one, and `iss`. *no write*: no",
    "row is other than before. Errors in JSON are `error` and `error_description`, with `no-store`. Times are what the bench looks at: no test",
    "asserts one.",
    ""
  ].join("\n")}\n${sections.join("\n\n")}\n`
}
