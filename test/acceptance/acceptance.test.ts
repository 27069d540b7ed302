import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { coverage, PAGE, renderPage } from "./coverage.ts"
import { requirements } from "./requirements.ts"

describe("acceptance", () => {
  it("every requirement is proved by a test that carries its id", () => {
    const covered = coverage()
    assert.deepStrictEqual(
      requirements.filter(({ id }) => !covered.has(id)).map(({ id, text }) => `${id} ${text}`),
      []
    )
    assert.strictEqual(new Set(requirements.map(({ id }) => id)).size, requirements.length)
  })

  it("docs/acceptance.md says so (npm run acceptance)", () => {
    assert.strictEqual(readFileSync(PAGE, "utf8"), renderPage())
  })
})
