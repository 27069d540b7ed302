import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const SRC = join(import.meta.dirname, "../src")
const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
const textOf = (file: string) => readFileSync(join(SRC, file), "utf8")
const importsOf = (file: string) =>
  [...textOf(file).matchAll(/from "(\.[^"]+)"/g)].map(([, path = ""]) => relative(SRC, join(SRC, dirname(file), path)))

describe("architecture", () => {
  it("no file imports itself in a circle", () => {
    const visit = (file: string, path: ReadonlyArray<string>): void => {
      assert.notInclude(path, file, [...path, file].join(" -> "))
      for (const imported of importsOf(file)) visit(imported, [...path, file])
    }
    for (const file of files) visit(file, [])
  })

  it("the environment is read only by the configuration", () => {
    for (const file of files) {
      if (file !== "config/ServerConfig.ts") assert.notInclude(textOf(file), "process.env", file)
    }
  })

  it("no source file is longer than a person reads in one sitting", () => {
    for (const file of files) assert.isAtMost(textOf(file).split("\n").length, 400, file)
  })
})
