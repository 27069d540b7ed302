import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePort } from "../support/app.ts"
import { freshDatabaseUrl } from "../support/postgres.ts"
import { ready, run, start, temporaryFolder } from "../support/program.ts"

const gatehouse = (typed: string, environment: Readonly<Record<string, string>> = {}) =>
  run("cli.ts", environment, typed === "" ? [] : typed.split(" "))

const options = { timeout: 300_000 }

describe("the command gatehouse", () => {
  it.live(
    "alone says what there is; what is no command, and arguments that would be passed over, end with 2",
    () =>
      Effect.gen(function* () {
        const help = yield* gatehouse("")
        assert.strictEqual(help.code, 0)
        for (const name of [
          "init",
          "start",
          "dev",
          "tools",
          "add",
          "servers",
          "doctor",
          "db init",
          "db check",
          "backup",
          "restore",
          "admin",
          "cleanup"
        ]) {
          assert.match(help.output, new RegExp(`^  ${name} `, "m"))
        }
        assert.strictEqual((yield* gatehouse("--help")).output, help.output)
        const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"))
        assert.strictEqual((yield* gatehouse("--version")).output, `${version}\n`)
        for (const typed of ["serve", "db", "starts", "constructor", "start --port 80", "db init twice"]) {
          const refused = yield* gatehouse(typed)
          assert.strictEqual(refused.code, 2, `${typed}: ${refused.output}`)
        }
        const missing = yield* gatehouse("doctor")
        assert.strictEqual(missing.code, 2, missing.output)
      }),
    options
  )

  it.live(
    "hands over to the programs: db init, db check, tools with arguments of its own, and start with its workers",
    () =>
      Effect.gen(function* () {
        const settings = { DATABASE_URL: yield* freshDatabaseUrl, PORT: String(yield* freePort), WORKERS: "2" }
        assert.match((yield* gatehouse("db init", settings)).output, /^applied /)
        assert.match((yield* gatehouse("db check", settings)).output, /schema +up to date/)
        const called = yield* gatehouse('tools call calculator {"expression":"6*7"}', settings)
        assert.strictEqual(called.code, 0, called.output)
        assert.include(called.output, "42")
        const server = yield* start("cli.ts", settings, { args: ["start"] })
        yield* ready(`http://localhost:${settings.PORT}`, server)
        assert.match(execFileSync("pgrep", ["-P", String(server.process.pid)], { encoding: "utf8" }), /^\d+\n\d+\n$/)
        server.process.kill("SIGTERM")
        assert.strictEqual(yield* server.exited, 0, server.output())
      }).pipe(Effect.scoped),
    options
  )
})

describe("gatehouse init", () => {
  it.live(
    "completes a package.json and takes nothing out of it; where anything is in the way, nothing is written",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const manifest = join(folder, "package.json")
        const begin = gatehouse(`init ${folder}`)

        writeFileSync(manifest, '{ "type": "commonjs" }')
        const common = yield* begin
        assert.strictEqual(common.code, 1)
        assert.include(common.output, 'tools need "module"')
        writeFileSync(manifest, "{")
        assert.include((yield* begin).output, "package.json is there, and cannot be read")
        assert.deepStrictEqual(readdirSync(folder), ["package.json"])

        const mine = { name: "mine", scripts: { start: "mine" }, dependencies: { zod: "4.5.0" } }
        writeFileSync(manifest, JSON.stringify(mine))
        const begun = yield* begin
        assert.strictEqual(begun.code, 0, begun.output)
        const made = JSON.parse(readFileSync(manifest, "utf8"))
        assert.deepInclude(made, { name: "mine", type: "module" })
        assert.deepInclude(made.scripts, { start: "mine", dev: "gatehouse dev", tools: "gatehouse tools" })
        assert.strictEqual(made.dependencies.zod, "4.5.0")
        for (const file of ["tools/hello.ts", ".env.example", "tsconfig.json", ".gitignore"]) {
          assert.isTrue(existsSync(join(folder, file)), file)
        }

        writeFileSync(join(folder, "tools/hello.ts"), "mine")
        const again = yield* begin
        assert.strictEqual(again.code, 1)
        assert.strictEqual(readFileSync(join(folder, "tools/hello.ts"), "utf8"), "mine")
      }).pipe(Effect.scoped),
    options
  )
})
