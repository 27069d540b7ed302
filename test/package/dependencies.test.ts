import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { installed, running, unknown } from "../../scripts/licences.ts"

const manifest = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"))

describe("dependencies", () => {
  it("SC1 each is named with one version, and what is installed is known by its content", () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      assert.match(String(version), /^\d+(\.\d+)*(-[\w.]+)?$/, name)
    }
    for (const [place, { integrity, resolved }] of installed) {
      assert.match(integrity ?? "", /^sha512-[A-Za-z0-9+/]{86}==$/, place)
      // Elsewhere than in the registry: a repository, a folder, somebody's address.
      assert.match(resolved ?? "https://registry.npmjs.org/", /^https:\/\/registry\.npmjs\.org\//, place)
    }
  })

  it("SC2 nothing that comes along runs a script of its own when it is installed", () => {
    assert.deepStrictEqual(
      running.filter(([, { hasInstallScript }]) => hasInstallScript),
      []
    )
  })

  it("SC3 every licence of what comes along was looked at", () => {
    assert.isAbove(running.length, 50)
    assert.deepStrictEqual(unknown, [])
  })
})
