import { randomUUID } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { messageOf, obtainTokens, rpc } from "../../support/client.ts"
import { onPostgres } from "../../support/connecting.ts"
import { entryOf, until } from "../../support/mountedApp.ts"
import { MARK } from "../../support/mounts.ts"
import { marked, untilGone } from "../../support/processes.ts"
import { temporaryFolder } from "../../support/program.ts"

describe("mounts of a server of several processes", () => {
  it.live(
    "have one session for each person, whichever process is asked, and none when the server is gone",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const mark = `workers-${randomUUID()}`
        const GATEHOUSE_FILE = join(folder, "gatehouse.json")
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what people write
        const env = { MEMORY_FILE_PATH: "${directory}/memory.json", [MARK]: mark }
        writeFileSync(GATEHOUSE_FILE, JSON.stringify({ mcpServers: { memory: entryOf("memory", [], { env }) } }))
        yield* Effect.addFinalizer(() => untilGone(MARK, mark))
        const { program, on } = yield* onPostgres({ WORKERS: "2", GATEHOUSE_FILE, DATA_DIR: folder })

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
