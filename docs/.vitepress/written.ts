/** What stands beside the built pages: their plain text, llms.txt, the files that they point to; and the proof that nothing is loaded from elsewhere. */

import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { addressOf, destinationOf, groups, LINK, linksOf, pages, ROOT, sourceOf, textOf } from "./pages.ts"

const SUMMARY =
  "The server between any MCP client and your tools: an OAuth 2.1 authorization server of its own, Postgres, and a stateless Streamable HTTP /mcp."

/** The browser itself refuses what is not from here. VitePress writes its first script, and styles, into the page. */
export const POLICY =
  "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

/** A page as plain text, its links leading to plain texts. */
const plain = (file: string) =>
  textOf(file).replace(LINK, (whole, link: string) => {
    const address = addressOf(destinationOf(file, link), ".md")
    return address === undefined ? whole : `](${address})`
  })

const index = () =>
  [
    "# Gatehouse",
    "",
    `> ${SUMMARY}`,
    "",
    ...groups.flatMap(({ title, pages }) => [
      `## ${title}`,
      "",
      ...pages.map(({ name, title, description }) => `- [${title}](/${name}.md): ${description}`),
      ""
    ])
  ].join("\n")

/**
 * What a built file would have a browser load from elsewhere; a link that somebody may follow loads nothing. What a script
 * might ask for the page's policy refuses.
 */
const foreignIn = (name: string, text: string): ReadonlyArray<string> => {
  const found = name.endsWith(".html")
    ? text.matchAll(/<(?!a\b)\w+[^>]*?\s(?:src|href|srcset|action|poster|data)="((?:https?:)?\/\/[^"]*)"/g)
    : text.matchAll(/(?:url\(|@import\s*)["']?((?:https?:)?\/\/[^"')]*)/g)
  const unguarded = name.endsWith(".html") && !text.includes(POLICY) ? ["a page without the policy"] : []
  return [...Array.from(found, ([, address = ""]) => address), ...unguarded]
}

export const write = (folder: string): void => {
  for (const { file, name } of pages) {
    writeFileSync(join(folder, `${name}.md`), plain(file))
    for (const link of linksOf(textOf(file))) {
      const destination = destinationOf(file, link)
      if (destination.kind === "nowhere") throw new Error(`${file} has a link to ${link}, which leads nowhere`)
      if (destination.kind !== "file") continue
      const copy = join(folder, sourceOf(destination.file))
      mkdirSync(dirname(copy), { recursive: true })
      cpSync(join(ROOT, destination.file), copy)
    }
  }
  writeFileSync(join(folder, "llms.txt"), index())
  writeFileSync(join(folder, "llms-full.txt"), pages.map(({ file }) => plain(file)).join("\n\n"))
  const foreign = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(html|css)$/.test(name))
    .flatMap((name) =>
      foreignIn(name, readFileSync(join(folder, name), "utf8")).map((address) => `${name}: ${address}`)
    )
  if (foreign.length > 0) throw new Error(`pages would load from elsewhere:\n${foreign.join("\n")}`)
}
