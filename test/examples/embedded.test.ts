import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePort, TestApp } from "../support/app.ts"
import { call, messageOf, obtainTokens } from "../support/client.ts"
import { ready, said, start, temporaryFolder } from "../support/program.ts"

/** Without an installed package, the name that the example imports is this source. */
const modules = new URL("../../src/toolsets/own/modules.ts", import.meta.url)
const resolving = `data:text/javascript,${encodeURIComponent(`import{resolveOurselves}from"${modules}";resolveOurselves()`)}`

describe("the example that embeds the server", () => {
  it.live(
    "starts, says where, answers a call of its tool, and ends when it is told to",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const baseUrl = `http://localhost:${port}`
        const program = yield* start("../examples/embedded.ts", {
          NODE_OPTIONS: `--import=${resolving}`,
          PORT: String(port),
          DATA_DIR: yield* temporaryFolder
        })
        yield* ready(baseUrl, program)
        assert.include(yield* said(program, /Tools are served on (\S+)/), `${baseUrl}/mcp`)
        yield* Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const { result } = messageOf(yield* call(access_token, "greet", { name: "Ada" }))
          assert.deepStrictEqual(result.content, [{ type: "text", text: "Good morning, Ada!" }])
        }).pipe(Effect.provideService(TestApp, { baseUrl, port } as TestApp["Service"]))
        program.process.kill("SIGTERM")
        assert.strictEqual(yield* program.exited, 0, program.output())
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )
})
