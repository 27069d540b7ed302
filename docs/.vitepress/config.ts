/** The site: `npm run docs` builds it, `npm run docs:dev` serves it while it is written. */

import { relative } from "node:path"
import { defineConfig } from "vitepress"
import { addressOf, destinationOf, groups, pages, slug, textOf } from "./pages.ts"
import { POLICY, write } from "./written.ts"

/** In the page, so that no file is asked for. */
const logo = `data:image/svg+xml,${encodeURIComponent(textOf("src/html/logo.svg"))}`

/** They have tables where others have paragraphs, and take the place of their outline for it. */
const WIDE = new Set(["acceptance.md", "databases.md", "security.md"])

export default defineConfig({
  title: "Gatehouse",
  description: "The server between any MCP client and your tools.",
  base: process.env.DOCS_BASE ?? "/",
  cleanUrls: true,
  head: [
    ["link", { rel: "icon", href: logo }],
    ["meta", { "http-equiv": "Content-Security-Policy", content: POLICY }]
  ],
  markdown: {
    anchor: { slugify: slug },
    // An address that stands in a sentence is an example.
    linkify: false,
    config: (md) => {
      md.core.ruler.push("destinations", ({ tokens, env }) => {
        const { file } = pages.find(({ name }) => `${name}.md` === env.relativePath) ?? {}
        if (file === undefined) return
        for (const { children } of tokens) {
          let isFolder = false
          for (const token of children ?? []) {
            const picture = token.attrGet("src")
            const pictured = picture === null ? undefined : destinationOf(file, picture)
            if (pictured?.kind === "file") token.attrSet("src", relative("docs", pictured.file))
            const link = token.attrGet("href")
            if (link !== null) {
              const destination = destinationOf(file, link)
              const address = addressOf(destination, "")
              // Of a folder there is no copy: its link is only its words. One within the page stays as it is.
              isFolder = destination.kind === "folder"
              if (isFolder) token.attrs = null
              else if (address !== undefined && !link.startsWith("#")) token.attrSet("href", address)
            }
            if (isFolder && token.type.startsWith("link_")) token.tag = "span"
          }
        }
      })
    }
  },
  themeConfig: {
    logo,
    search: { provider: "local" },
    outline: [2, 3],
    externalLinkIcon: false,
    nav: [
      { text: "Begin", link: "/start" },
      { text: "Tools", link: "/tools" },
      { text: "Deploy", link: "/deploy" },
      { text: "Troubleshooting", link: "/troubleshooting" }
    ],
    sidebar: groups.map(({ title, pages }) => ({
      text: title,
      items: pages.map(({ name, title }) => ({ text: title, link: `/${name}` }))
    }))
  },
  vite: {
    // The settings of the server's code are not those of its compiler.
    esbuild: { tsconfigRaw: {} }
  },
  transformPageData: ({ relativePath }) => (WIDE.has(relativePath) ? { frontmatter: { aside: false } } : {}),
  buildEnd: ({ outDir }) => write(outDir)
})
