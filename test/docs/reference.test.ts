import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Environment } from "../../src/config/environment.ts"
import { providersOf } from "../../src/config/providers.ts"
import { spawned } from "../support/program.ts"

const ROOT = join(import.meta.dirname, "../..")
const textOf = (file: string) => readFileSync(join(ROOT, file), "utf8")

/** Told by `workers.ts` to those that it starts, and by nobody else. */
const INTERNAL = ["WORKER", "WORKER_SOCKETS"]

describe("the reference", () => {
  it("names every variable that is read, and no other, each with what it means", () => {
    const rows = [...textOf("docs/variables.md").matchAll(/^\| `(.+?)` \|.*\| (.*) \|$/gm)]
    for (const [, name = "", words] of rows) assert.isNotEmpty(words, name)
    // What a provider may be told is what it says of a variable that belongs to none.
    const [stray = ""] = providersOf({ OIDC_STRAY: "x" }).problems
    const [, keys = ""] = /none of (.*)$/.exec(stray) ?? []
    assert.sameMembers(
      rows.map(([, name]) => name),
      [
        ...Object.keys(Environment.fields).filter((name) => !INTERNAL.includes(name)),
        "OIDC_PROVIDERS",
        ...keys.split(", ").map((key) => `OIDC_<NAME>_${key}`)
      ]
    )
  })

  it("has every script of npm", () => {
    const { scripts } = JSON.parse(textOf("package.json"))
    const named = new Set(
      [...textOf("docs/commands.md").matchAll(/npm (?:run (?:-s )?)?([\w:]+)/g)].map(([, name]) => name)
    )
    const called = Object.keys(scripts).filter((name) => !/^(pre|post)/.test(name))
    assert.deepStrictEqual(
      called.filter((name) => !named.has(name)),
      []
    )
  })

  it.live(
    "is what the code says (npm run docs:reference)",
    () =>
      Effect.gen(function* () {
        const program = yield* spawned(
          [process.execPath, join(ROOT, "scripts/reference.ts"), "--check"],
          { PATH: process.env.PATH },
          import.meta.dirname
        )
        assert.strictEqual(yield* program.exited, 0, program.output())
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )
})
