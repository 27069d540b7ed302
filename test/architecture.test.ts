import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const SRC = join(import.meta.dirname, "../src")
const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
const textOf = (file: string) => readFileSync(join(SRC, file), "utf8")
const roomOf = (file: string) => (file.includes("/") ? (file.split("/")[0] ?? "") : file.replace(/\.ts$/, ""))
const importsOf = (file: string) =>
  [...textOf(file).matchAll(/from "(\.[^"]+)"/g)].map(([, path = ""]) => relative(SRC, join(SRC, dirname(file), path)))

/** Which rooms a room may import from, besides itself. The entry points may import from every room. */
const MAY_IMPORT: Readonly<Record<string, ReadonlyArray<string>>> = {
  config: [],
  domain: [],
  net: [],
  doctor: [],
  store: ["domain", "config"],
  oauth: ["store", "net", "domain", "config"],
  tools: ["net", "domain", "config"],
  http: ["oauth", "store", "domain", "config"],
  mcp: ["http", "tools", "oauth", "store", "domain", "config"],
  server: ["http", "mcp", "config"],
  app: ["server", "cleanup", "seed", "oauth", "tools", "store"],
  cleanup: ["store", "config"],
  seed: ["store", "domain", "config"],
  logging: ["config"],
  welcome: ["config"],
  workers: []
}

describe("architecture", () => {
  it("dependencies point one way", () => {
    for (const file of files) {
      const allowed = MAY_IMPORT[roomOf(file)]
      if (allowed === undefined) continue
      for (const imported of importsOf(file)) {
        assert.include([...allowed, roomOf(file)], roomOf(imported), `${file} imports ${imported}`)
      }
    }
  })

  it("no file imports itself in a circle", () => {
    const visit = (file: string, path: ReadonlyArray<string>): void => {
      assert.notInclude(path, file, [...path, file].join(" -> "))
      for (const imported of importsOf(file)) visit(imported, [...path, file])
    }
    for (const file of files) visit(file, [])
  })

  it("SQL stands only in the stores, and the environment is read only by the configuration", () => {
    for (const file of files) {
      if (!file.startsWith("store/")) assert.notMatch(textOf(file), /sql`/, file)
      if (file !== "config/ServerConfig.ts") assert.notInclude(textOf(file), "process.env", file)
    }
  })

  it("no source file is longer than a person reads in one sitting", () => {
    for (const file of files) assert.isAtMost(textOf(file).split("\n").length, 400, file)
  })
})
