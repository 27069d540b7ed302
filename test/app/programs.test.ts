import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePort, TestApp } from "../support/app.ts"
import { exchange, obtainCode } from "../support/client.ts"
import { freshDatabaseUrl } from "../support/postgres.ts"
import { ready, run, start, temporaryFolder } from "../support/program.ts"

const options = { timeout: 300_000 }

describe("programs of their own", () => {
  it.live(
    "db:check, db:init, cleanup:run and keys:rotate bring a bare Postgres up and say what they did",
    () =>
      Effect.gen(function* () {
        const env = { DATABASE_URL: yield* freshDatabaseUrl }
        const bare = yield* run("app/programs/dbCheck.ts", env)
        assert.strictEqual(bare.code, 1)
        assert.match(bare.output, /connection\s+ok/)
        assert.match(bare.output, /migrations missing\. Run: npm run db:init/)

        const refused = yield* run("main.ts", { ...env, PORT: String(yield* freePort) })
        assert.strictEqual(refused.code, 1)
        assert.include(refused.output, "db:init")

        // Two at once.
        const both = yield* Effect.all([run("app/programs/dbInit.ts", env), run("app/programs/dbInit.ts", env)], {
          concurrency: 2
        })
        assert.deepStrictEqual(
          both.map(({ code }) => code),
          [0, 0]
        )
        assert.lengthOf(
          both.filter(({ output }) => output.includes("applied 2026")),
          1
        )
        assert.include((yield* run("app/programs/dbInit.ts", env)).output, "the schema is up to date")

        const good = yield* run("app/programs/dbCheck.ts", env)
        assert.strictEqual(good.code, 0, good.output)
        for (const line of [
          /TLS\s+off/,
          /server\s+PostgreSQL \d+/,
          /pooler\s+none/,
          /limits\s+statements/,
          /schema\s+up to date/
        ]) {
          assert.match(good.output, line)
        }
        const swept = yield* run("app/programs/cleanupRun.ts", env)
        assert.strictEqual(swept.code, 0)
        assert.include(swept.output, "removed 0 authorization codes, 0 access tokens, 0 refresh tokens, 0 sessions")
        const rotated = yield* run("app/programs/admin.ts", env, ["keys", "rotate"])
        assert.strictEqual(rotated.code, 0)
        assert.match(rotated.output, /added key \d+/)
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "a database that is not there is a sentence and exit code 1, without the password",
    () =>
      Effect.gen(function* () {
        const env = { DATABASE_URL: `postgresql://gate:canary-password@127.0.0.1:${yield* freePort}/gate` }
        for (const entry of ["db:check", "db:init", "cleanup:run"] as const) {
          const [program, step] = entry.split(":") as [string, string]
          const file = `app/programs/${program}${step.charAt(0).toUpperCase()}${step.slice(1)}.ts`
          const { code, output } = yield* run(file, env)
          assert.strictEqual(code, 1, output)
          assert.match(output, /127\.0\.0\.1/)
          assert.notInclude(output, "canary-password")
          assert.notMatch(output, /\n\s+at /)
        }
      }),
    options
  )

  it.live(
    "client:add registers a confidential client whose secret works at once, and refuses what could never work",
    () =>
      Effect.gen(function* () {
        const database = { DATABASE_URL: yield* freshDatabaseUrl }
        yield* run("app/programs/dbInit.ts", database)
        const add = (...args: ReadonlyArray<string>) =>
          run("app/programs/admin.ts", database, ["clients", "add", ...args])
        const redirect = "http://127.0.0.1:4711/callback"
        const added = yield* add("--id", "desk", "--name", "Desk", "--redirect", redirect, "--confidential")
        assert.strictEqual(added.code, 0, added.output)
        const secret = /mcp_cs_[\w-]{43}/.exec(added.output)?.[0] ?? ""
        const wrong = yield* add("--id", "desk", "--redirect", "http://example.org/callback")
        assert.strictEqual(wrong.code, 1)
        assert.match(wrong.output, /--redirect http:\/\/example.org\/callback /)

        const port = yield* freePort
        const baseUrl = `http://localhost:${port}`
        yield* ready(baseUrl, yield* start("main.ts", { ...database, PORT: String(port) }))
        yield* Effect.gen(function* () {
          const code = yield* obtainCode({ client_id: "desk" })
          assert.strictEqual((yield* exchange(code, { client_id: "desk", client_secret: `${secret}x` })).status, 401)
          assert.strictEqual((yield* exchange(code, { client_id: "desk", client_secret: secret })).status, 200)
        }).pipe(Effect.provideService(TestApp, { baseUrl, port } as TestApp["Service"]))
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "tools call prints the answer alone to stdout: what the tool logs stands on stderr",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const file = `import { tool } from "gatehouse-server"
          export default tool({
            name: "chatty", title: "Chatty", description: "Logs.",
            run: (_, { log }) => { log("a word"); return { done: true } }
          })`
        writeFileSync(join(folder, "chatty.js"), file)
        const program = yield* start(
          "app/programs/tools.ts",
          { TOOLS_DIR: folder, LOG_FORMAT: "json" },
          { args: ["call", "chatty"] }
        )
        let answer = ""
        program.process.stdout?.on("data", (chunk) => {
          answer += chunk
        })
        assert.strictEqual(yield* program.exited, 0, program.output())
        assert.deepStrictEqual(JSON.parse(answer).structuredContent, { done: true })
        assert.include(program.output(), '"a word"')
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "the embedded database needs no db:init, and db:check says what it is",
    () =>
      Effect.gen(function* () {
        const env = { DATA_DIR: yield* temporaryFolder }
        const swept = yield* run("app/programs/cleanupRun.ts", env)
        assert.strictEqual(swept.code, 0, swept.output)
        const checked = yield* run("app/programs/dbCheck.ts", env)
        assert.strictEqual(checked.code, 0, checked.output)
        assert.match(checked.output, /database\s+embedded Postgres in /)
      }),
    options
  )
})
