/** What the image leaves out is what nobody runs: the rest works as before. */

import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"

const ROOT = join(import.meta.dirname, "../..")

const FILES = {
  "module.mjs":
    '/** Long. */\nexport const word = "naïve → " // why\nexport class Named {}\n/*! the licence\'s own words */\n',
  "plain.cjs": "/* UMD */ (function (f) { f(exports) })(function (e) { e.seven = 7 })\n",
  "main.mjs":
    'import { Named, word } from "./module.mjs"\nimport plain from "./plain.cjs"\nconsole.log(word, Named.name, plain.seven)\n',
  "module.d.mts": "export declare const word: string\n",
  "module.mjs.map": "{}",
  "README.md": "# Words\n",
  "LICENSE.md": "MIT\n",
  "NOTICE.md": "Made by them.\n",
  "data.json": "{}"
}

describe("what the image leaves out", () => {
  it("DP5 is what never runs: modules say the same without comments, CommonJS and licences stay as they are", () => {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-lean-"))
    try {
      for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text)
      const said = () => execFileSync(process.execPath, [join(folder, "main.mjs")], { encoding: "utf8" })
      const before = said()
      execFileSync(process.execPath, [join(ROOT, "scripts/lean.ts"), folder])
      assert.strictEqual(said(), before)
      for (const gone of ["module.d.mts", "module.mjs.map", "README.md"])
        assert.isFalse(existsSync(join(folder, gone)), gone)
      const text = (name: keyof typeof FILES) => readFileSync(join(folder, name), "utf8")
      for (const same of ["plain.cjs", "LICENSE.md", "NOTICE.md", "data.json"] as const)
        assert.strictEqual(text(same), FILES[same])
      assert.notMatch(text("module.mjs"), /Long|why|[^\0-\u00ff]/)
      assert.include(text("module.mjs"), "the licence's own words")
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
