/** What the site is made of: which texts, under which addresses, in which order, and where their links lead. */

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"

export const ROOT = join(import.meta.dirname, "../..")

/** In the order in which somebody needs them. Pages of this folder that are named nowhere follow those that run it. */
const GROUPS: Readonly<Record<string, ReadonlyArray<string>>> = {
  Begin: ["docs/start.md", "docs/connect.md", "docs/by-hand.md"],
  Build: ["docs/tools.md", "docs/servers.md"],
  "Run it": [
    "docs/people.md",
    "docs/deploy.md",
    "docs/postgres.md",
    "docs/databases.md",
    "docs/limits.md",
    "docs/observe.md",
    "docs/backup.md",
    "docs/growth.md",
    "docs/upgrade.md",
    "docs/troubleshooting.md"
  ],
  "Look up": ["docs/variables.md", "docs/commands.md", "CHANGELOG.md"],
  Trust: ["SECURITY.md", "docs/acceptance.md", "BENCHMARKS.md"],
  "Work on it": ["CONTRIBUTING.md", "ARCHITECTURE.md", "RELEASING.md"]
}
const HOME = "docs/index.md"

export interface Page {
  /** Below the repository. */
  readonly file: string
  /** Its address, without an ending. */
  readonly name: string
  readonly title: string
  /** The first sentence. */
  readonly description: string
}

export const textOf = (file: string): string => readFileSync(join(ROOT, file), "utf8")
const nameOf = (file: string) =>
  file
    .replace(/^docs\//, "")
    .replace(/\.md$/, "")
    .toLowerCase()

const pageOf = (file: string): Page => {
  const text = textOf(file)
  const [, title = ""] = /^# (.+)$/m.exec(text) ?? []
  // Prose, and not a list, a heading or a block.
  const paragraph = text.split(/\n\n+/).find((part) => /^["*[`]?\w/.test(part) && !part.startsWith("```")) ?? ""
  const [sentence] = paragraph
    .replace(/\[([^\]]+)\]\([^)]*\)/g, "$1")
    .replaceAll("\n", " ")
    .split(/(?<=\.) /)
  return { file, name: nameOf(file), title, description: (sentence ?? "").replace(/:$/, ".") }
}

const unnamed = readdirSync(join(ROOT, "docs"))
  .map((name) => `docs/${name}`)
  .filter((file) => /\/\w[\w-]*\.md$/.test(file) && file !== HOME && !Object.values(GROUPS).flat().includes(file))

export const groups = Object.entries(GROUPS).map(([title, files]) => ({
  title,
  pages: [...files, ...(title === "Run it" ? unnamed : [])].map(pageOf)
}))
export const pages: ReadonlyArray<Page> = groups.flatMap(({ pages }) => pages)
export const files: ReadonlyArray<string> = [HOME, ...pages.map(({ file }) => file)]

/** A heading's anchor, as GitHub makes it: the same link works in both places. */
export const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w -]/g, "")
    .replaceAll(" ", "-")

/** Where a plain copy of a file is that is no page. A browser shows it, whatever kind of file it is. */
export const sourceOf = (file: string): string => `/source/${file}.txt`

export type Destination =
  | { readonly kind: "elsewhere" | "nowhere" | "folder" }
  | { readonly kind: "page"; readonly page: string; readonly anchor: string }
  | { readonly kind: "file"; readonly file: string }

/** Where a link of a text leads. */
export const destinationOf = (file: string, link: string): Destination => {
  if (/^[a-z]+:/i.test(link)) return { kind: "elsewhere" }
  const [path = "", anchor = ""] = decodeURI(link).split("#")
  const target = path === "" ? file : relative(ROOT, join(ROOT, file, "..", path))
  if (files.includes(target)) return { kind: "page", page: target, anchor }
  if (target.startsWith("..") || !existsSync(join(ROOT, target))) return { kind: "nowhere" }
  return /\.\w+$|file$/i.test(target) ? { kind: "file", file: target } : { kind: "folder" }
}

/** A destination as an address of the site; nothing for what has none there. */
export const addressOf = (destination: Destination, ending: string): string | undefined => {
  if (destination.kind === "file") return sourceOf(destination.file)
  if (destination.kind !== "page") return undefined
  return `/${nameOf(destination.page)}${ending}${destination.anchor === "" ? "" : `#${destination.anchor}`}`
}

/** Links of a markdown text, outside of code. */
export const LINK = /\]\(([^()\s]+)\)/g
export const linksOf = (text: string): ReadonlyArray<string> =>
  [
    ...text
      .replace(/^```[\s\S]*?^```$/gm, "")
      .replace(/`[^`\n]*`/g, "")
      .matchAll(LINK)
  ].map(([, link = ""]) => link)
