import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import { BuiltinToolset } from "../../src/toolsets/builtin/builtin.ts"
import { tool } from "../../src/toolsets/declare.ts"
import { type Offering, Toolset } from "../../src/toolsets/Toolset.ts"
import { testApp } from "../support/app.ts"
import { call, messageOf, obtainTokens, request, rpc } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"
import { placed } from "../support/toolset.ts"

const echo = placed(
  tool({
    name: "echo",
    title: "Echo",
    description: "Says it again.",
    scope: { name: "echo.say", sentence: "Say things again." },
    hints: { readOnly: true, idempotent: true, openWorld: false },
    input: Schema.Struct({ words: Schema.String }),
    output: Schema.Struct({ words: Schema.String }),
    run: ({ words }) => Effect.succeed({ words })
  })
)

/** A toolset that the test exchanges while the server runs. */
const exchanged = () => {
  let offering: Offering | undefined
  const layer = Layer.effect(
    Toolset,
    Effect.map(Toolset, (builtin) => Toolset.of({ current: () => offering ?? builtin.current() }))
  ).pipe(Layer.provide(BuiltinToolset))
  const exchange = (instead: Offering) =>
    Effect.sync(() => {
      offering = instead
    })
  return { layer, exchange }
}

const namesOf = (answer: Parameters<typeof messageOf>[0]): ReadonlyArray<string> =>
  messageOf(answer).result.tools.map(({ name }: { readonly name: string }) => name)

describe("a toolset that changes while the server runs", () => {
  for (const lane of ["on", "off"]) {
    const { layer, exchange } = exchanged()
    it.live(`F4 is listed, asked for, granted and called from the next request on, the fast lane ${lane}`, () =>
      Effect.gen(function* () {
        const { access_token: before } = yield* obtainTokens()
        assert.include(namesOf(yield* rpc(before, "tools/list")), "calculator")
        assert.isTrue(messageOf(yield* call(before, "echo", { words: "a" })).error !== undefined)

        yield* exchange({
          parts: { tools: [echo], purposes: {} },
          tools: [echo],
          scopes: [echo.scope],
          instructions: "Only an echo is left.",
          more: { capabilities: {}, listings: [], register: () => undefined }
        })
        assert.deepStrictEqual(namesOf(yield* rpc(before, "tools/list")), ["echo"])
        const metadata = yield* request("/.well-known/oauth-protected-resource/mcp")
        assert.deepStrictEqual(metadata.body.scopes_supported, ["mcp.tools.call", "echo.say"])
        const { headers } = yield* rpc(undefined, "tools/list")
        assert.include(headers.get("www-authenticate"), 'scope="mcp.tools.call echo.say"')
        // What was granted before does not reach as far as the new tool.
        assert.strictEqual((yield* call(before, "echo", { words: "a" })).status, 403)

        const { access_token: after } = yield* obtainTokens({ scope: "mcp.tools.call echo.say" })
        const answer = messageOf(yield* call(after, "echo", { words: "again" }))
        assert.deepStrictEqual(answer.result.structuredContent, { words: "again" })
        assert.isTrue(messageOf(yield* call(after, "calculator", { expression: "1" })).error !== undefined)
        const initialized = yield* rpc(after, "initialize", {
          protocolVersion: "2025-11-25",
          capabilities: {},
          clientInfo: { name: "test", version: "1" }
        })
        assert.strictEqual(messageOf(initialized).result.instructions, "Only an echo is left.")
      }).pipe(Effect.provide(testApp(TestDatabase.quick, { MCP_FAST_LANE: lane }, PublicWeb.layer, layer)))
    )
  }
})
