import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePort, TestApp } from "../../support/app.ts"
import { messageOf, obtainTokens, rpc } from "../../support/client.ts"
import { entryOf, until } from "../../support/mountedApp.ts"
import { MARK } from "../../support/mounts.ts"
import { freshDatabaseUrl } from "../../support/postgres.ts"
import { marked, untilGone } from "../../support/processes.ts"
import { ready, run, start, temporaryFolder } from "../../support/program.ts"

describe("mounts of a server of several processes", () => {
  it.live(
    "have one session for each person, whichever process is asked, and none when the server is gone",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const url = yield* freshDatabaseUrl
        const folder = yield* temporaryFolder
        const mark = `workers-${port}`
        const GATEHOUSE_FILE = join(folder, "gatehouse.json")
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what people write
        const env = { MEMORY_FILE_PATH: "${directory}/memory.json", [MARK]: mark }
        writeFileSync(GATEHOUSE_FILE, JSON.stringify({ mcpServers: { memory: entryOf("memory", [], { env }) } }))
        const settings = { DATABASE_URL: url, PORT: String(port), WORKERS: "2", GATEHOUSE_FILE, DATA_DIR: folder }
        assert.strictEqual((yield* run("app/programs/dbInit.ts", settings)).code, 0)
        yield* Effect.addFinalizer(() => untilGone(MARK, mark))
        const program = yield* start("main.ts", {
          ...settings,
          AUTO_SEED_CLIENT_ID: "demo",
          AUTO_SEED_REDIRECT_URIS: "http://127.0.0.1/callback"
        })
        const baseUrl = `http://localhost:${port}`
        yield* ready(baseUrl, program)
        const on = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
          Effect.provideService(effect, TestApp, { baseUrl, port } as TestApp["Service"])

        // Connections are dealt out in turn, so each request comes to the other process.
        const ask = (token: string, method: string, params: object = {}) =>
          Effect.map(on(rpc(token, method, params, { connection: "close" })), (answer) => messageOf(answer).result)
        const hasMemory = (token: string) =>
          Effect.map(ask(token, "tools/list"), ({ tools }) =>
            tools.some(({ name }: { name: string }) => name === "memory__read_graph")
          )
        const first = yield* on(obtainTokens())
        yield* until(
          Effect.map(Effect.replicateEffect(hasMemory(first.access_token), 4), (all) => all.every((has) => has))
        )
        // What the mount needs is in the catalogue of both by now.
        const { access_token } = yield* on(obtainTokens({ scope: "mcp.tools.call mcp.memory" }))
        const call = (name: string, args: object = {}) =>
          ask(access_token, "tools/call", { name: `memory__${name}`, arguments: args })
        for (let index = 0; index < 6; index++) {
          yield* call("create_entities", {
            entities: [{ name: `thing ${index}`, entityType: "thing", observations: [] }]
          })
          const { structuredContent } = yield* call("read_graph")
          assert.lengthOf(structuredContent.entities, index + 1)
        }
        // One that was asked what it offers, and the demo person's.
        assert.lengthOf(marked(MARK, mark), 2)

        program.process.kill("SIGTERM")
        assert.strictEqual(yield* program.exited, 0)
        yield* untilGone(MARK, mark)
      }).pipe(Effect.scoped),
    { timeout: 180_000 }
  )
})
