import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { copyTemplate, makeTemplate } from "../../src/database/embedded.ts"
import { temporaryFolder } from "../support/program.ts"

describe("the embedded database at its first start", () => {
  it.live("is a copy of the one made at install; a copy that was cut off is made anew, and what is there stays", () =>
    Effect.gen(function* () {
      yield* Effect.promise(makeTemplate)
      const folder = yield* temporaryFolder
      const home = join(folder, "postgres")

      mkdirSync(`${home}.unfinished`)
      writeFileSync(join(`${home}.unfinished`, "half"), "")
      copyTemplate(home)
      assert.isTrue(existsSync(join(home, "PG_VERSION")))
      assert.isFalse(existsSync(join(home, "half")))
      assert.deepStrictEqual(readdirSync(folder), ["postgres"])

      const other = join(folder, "other")
      mkdirSync(other)
      copyTemplate(other)
      assert.deepStrictEqual(readdirSync(other), [])
    })
  )
})
