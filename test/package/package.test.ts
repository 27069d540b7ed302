import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePort, TestApp } from "../support/app.ts"
import { call, messageOf, obtainTokens } from "../support/client.ts"
import { ready, spawned, temporaryFolder } from "../support/program.ts"

const ROOT = join(import.meta.dirname, "../..")
const TSC = join(ROOT, "node_modules/typescript/bin/tsc")

/** What npm needs of the environment to reach its registry, and nothing that this run or this repository is configured by. */
const NEEDED = /^(HOME|TMPDIR|(https?|no|all)_proxy|npm_config_\w+|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+)$/i
const SHELL = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => NEEDED.test(name))),
  PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ""}`
}

/** Runs a command to its end; what it said. */
const sh = Effect.fn("test.sh")(function* (cwd: string, command: ReadonlyArray<string>, code = 0) {
  const program = yield* spawned(command, SHELL, cwd)
  assert.strictEqual(yield* program.exited, code, `${command.join(" ")}\n${program.output()}`)
  return program.output()
}, Effect.scoped)

const install = (...what: ReadonlyArray<string>) => [
  "npm",
  "install",
  "--prefer-offline",
  "--no-audit",
  "--no-fund",
  ...what
]

describe("the package", () => {
  it.live(
    "from its tarball in an empty folder: a project is begun, its types are right, and an app that is linked calls its tool",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        yield* sh(ROOT, ["npm", "pack", "--pack-destination", folder])
        const [tarball = ""] = readdirSync(folder)
        const project = join(folder, "project")
        mkdirSync(project)
        yield* sh(project, install(join(folder, tarball)))

        assert.include(yield* sh(project, ["npx", "gatehouse", "init"]), "npm install")
        assert.include(yield* sh(project, ["npx", "gatehouse", "init"], 1), "there is already: tools/hello.ts")
        assert.match(
          JSON.parse(readFileSync(join(project, "package.json"), "utf8")).dependencies["gatehouse-server"],
          /^file:/
        )
        yield* sh(project, install())
        yield* sh(project, [process.execPath, TSC, "-p", project])
        const wrong = join(project, "tools/wrong.ts")
        const hello = readFileSync(join(project, "tools/hello.ts"), "utf8")
        writeFileSync(wrong, hello.replace("!`", "!`.length"))
        assert.include(yield* sh(project, [process.execPath, TSC, "-p", project], 1), "tools/wrong.ts(11,")
        rmSync(wrong)
        assert.match(
          yield* sh(project, ["npm", "run", "-s", "tools"]),
          /^hello +mcp\.tools\.call +read only.*tools\/hello\.ts$/m
        )
        // Recipes come along, and are found from where the package is.
        assert.include(yield* sh(project, ["npx", "gatehouse", "add", "memory", "--dry-run"]), "MEMORY_FILE_PATH")
        assert.include(yield* sh(project, ["npx", "gatehouse", "nothing"], 2), 'no command "nothing"')

        const port = yield* freePort
        const baseUrl = `http://localhost:${port}`
        const gatehouse = join(project, "node_modules/.bin/gatehouse")
        const server = yield* spawned([gatehouse, "start"], { ...SHELL, PORT: String(port) }, project)
        yield* ready(baseUrl, server)
        yield* Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const { result } = messageOf(yield* call(access_token, "hello", { name: "Ada" }))
          assert.deepStrictEqual(result.structuredContent, { greeting: "Hello, Ada!" })
        }).pipe(Effect.provideService(TestApp, { baseUrl, port } as TestApp["Service"]))
        server.process.kill("SIGTERM")
        assert.strictEqual(yield* server.exited, 0, server.output())
      }).pipe(Effect.scoped),
    { timeout: 600_000 }
  )
})
