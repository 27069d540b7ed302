import { mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { Effect, Redacted } from "effect"
import { isOurs } from "../../../src/config/environment.ts"
import { readMounts } from "../../../src/gateway/file/mounts.ts"
import { decodeRecipe } from "../../../src/gateway/file/recipe.ts"
import { unset } from "../../../src/gateway/file/write.ts"
import type { Mount } from "../../../src/gateway/mount.ts"
import { temporaryFolder } from "../../support/program.ts"

const ROOT = join(import.meta.dirname, "../../..")
const FOLDER = join(ROOT, "recipes")
const names = readdirSync(FOLDER).map((file) => file.replace(/\.json$/, ""))
const recipeOf = (name: string) => decodeRecipe(readFileSync(join(FOLDER, `${name}.json`), "utf8"))

/** Where Magic's service would be: no test asks a stranger for anything. */
const NOBODY = { MCP_URL_21ST: "http://127.0.0.1:1/mcp" }

/** Our own reading of a recipe, in a folder where its variables are set to nothing that anybody takes. */
const mountOf = Effect.fnUntraced(function* (name: string, folder: string) {
  const { entry } = yield* recipeOf(name)
  const { mounts, problems } = readMounts(JSON.stringify({ mcpServers: { [name]: entry } }), folder, {
    isOurs,
    lookUp: (variable) => (/_URL$/.test(variable) ? "https://x.example/mcp" : "nothing that is taken")
  })
  assert.deepStrictEqual(problems, [], name)
  return mounts[0] ?? assert.fail(name)
})

/** The tools that it lists, by a client that is not ours. */
const toolsOf = Effect.fnUntraced(function* (mount: Mount, folder: string) {
  const { transport } = mount
  if (transport._tag !== "Stdio") return assert.fail("it is no program")
  const env = Object.fromEntries(
    Object.entries(transport.env).map(([variable, value]) => [
      variable,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what people write
      Redacted.value(value).replace("${directory}", folder)
    ])
  )
  const client = yield* Effect.acquireRelease(
    Effect.sync(() => new Client({ name: "recipes", version: "1" })),
    (client) => Effect.promise(() => client.close())
  )
  const { command, args } = transport
  yield* Effect.tryPromise(() =>
    client.connect(
      new StdioClientTransport({
        // This very Node, whatever the one is that comes first.
        command: command === "node" ? process.execPath : command,
        args: [...args],
        env: { PATH: process.env.PATH ?? "", HOME: folder, ...NOBODY, ...env },
        cwd: folder,
        stderr: "ignore"
      })
    )
  )
  const { tools } = yield* Effect.tryPromise(() => client.listTools())
  return tools.map(({ name }) => name)
}, Effect.scoped)

const options = { timeout: 300_000 }

describe("recipes", () => {
  it("there is one for each server of the list that this began from, and for those that are tried with", () => {
    assert.sameMembers(names, [
      ...["playwright", "magic", "audiense", "veyrax", "graphlit", "kagi", "e2b", "neon", "exa", "qdrant"],
      ...["everything", "filesystem", "memory", "sequential-thinking", "github"]
    ])
  })

  it.effect("each is one, and says of every variable that has to be set where its value comes from", () =>
    Effect.gen(function* () {
      for (const name of names) {
        const { needs, entry, install } = yield* recipeOf(name)
        const mount = yield* mountOf(name, "/srv")
        assert.deepStrictEqual(
          unset([entry], { isOurs, lookUp: () => undefined }),
          needs.map(({ name }) => name),
          name
        )
        const files =
          (entry.args as ReadonlyArray<string> | undefined)?.filter((arg) => /^\.\/.*\.c?js$/.test(arg)) ?? []
        assert.strictEqual(files.length > 0, install !== undefined, `${name}: what it runs has to be installed`)
        // Nothing that anybody publishes tomorrow: a version is said, but where there is none to be had.
        if (mount.transport._tag === "Stdio" && name !== "graphlit") {
          assert.match(`${install ?? ""} ${mount.transport.args.join(" ")}`, /@\d+\.\d+\.\d+|git clone/, name)
        }
      }
    })
  )

  it.effect("the memory of each person is in a folder that stays; nobody shares what has state", () =>
    Effect.gen(function* () {
      const memory = yield* mountOf("memory", "/srv")
      assert.deepStrictEqual([memory.session, memory.keep], ["person", true])
      for (const name of ["playwright", "e2b", "everything", "sequential-thinking"]) {
        assert.notStrictEqual((yield* mountOf(name, "/srv")).session, "shared", name)
      }
    })
  )

  it.live(
    "those that were tried start from their very entries and list their tools; Magic refuses without a key",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"))
        mkdirSync(join(folder, "files"))
        for (const name of names) {
          const { proven } = yield* recipeOf(name)
          if (proven === "no") continue
          const listed = yield* Effect.result(toolsOf(yield* mountOf(name, folder), folder))
          const isListed = listed._tag === "Success" && listed.success.length > 0
          assert.strictEqual(isListed, proven !== "refusal", `${name}: ${JSON.stringify(listed)}`)
        }
      }).pipe(Effect.scoped),
    options
  )
})
