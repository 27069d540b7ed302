import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import { freePort, TestApp, testApp } from "../support/app.ts"
import { obtainTokens } from "../support/client.ts"
import { allow } from "../support/consent.ts"
import { TestDatabase } from "../support/postgres.ts"
import { withMore } from "../support/toolset.ts"
import * as Fixtures from "./fixtures.ts"
import { listing, suite, summaryOf, withToken } from "./suite.ts"

const app = (MCP_FAST_LANE: string) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const listings = yield* listing
      const { capabilities, requestState, register } = Fixtures
      return testApp(
        TestDatabase.quick,
        { MCP_FAST_LANE },
        PublicWeb.layer,
        withMore({ capabilities, listings, requestState, register })
      )
    })
  )

/** Need requests from the server to the client on the 2025 wire, and so a session. We are stateless, on purpose. */
const SERVER_INITIATED = [
  "tools-call-sampling",
  "tools-call-elicitation",
  "elicitation-sep1034-defaults",
  "elicitation-sep1330-enums"
]

describe("conformance 0.2.0-alpha.12", () => {
  for (const [revision, lane, baseline] of [
    ["2026-07-28", "on", []],
    ["2026-07-28", "off", []],
    ["2025-11-25", "on", SERVER_INITIATED],
    ["2025-11-25", "off", SERVER_INITIATED]
  ] as const) {
    it.live(
      `everything that ${revision} requires of a server passes, the fast lane ${lane}${baseline.length > 0 ? ", but for what needs a session" : ""}`,
      () =>
        Effect.gen(function* () {
          const { port } = yield* TestApp
          const { access_token } = yield* obtainTokens({ scope: "mcp.tools.call mcp.web.read" })
          const proxy = yield* withToken(port, access_token)
          const { code, output } = yield* suite(["server", "--url", proxy.url, "--requirements", revision])
          const failed = [...summaryOf(output).matchAll(/✗ ([\w-]+):/g)].map(([, name]) => name)
          if (process.env.CONFORMANCE) console.log(output)
          assert.sameMembers(
            failed.filter((name) => !name?.startsWith("tasks-")),
            [...baseline],
            summaryOf(output)
          )
          assert.strictEqual(code, baseline.length === 0 ? 0 : 1, summaryOf(output))
        }).pipe(Effect.scoped, Effect.provide(app(lane))),
      { timeout: 180_000 }
    )
  }

  it.live(
    "the authorization server scenarios pass: metadata, client documents, code grant",
    () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const context = yield* Effect.context<TestApp>()
        const run = Effect.runPromiseWith(context)
        let visited = false
        const { code, output } = yield* suite(
          ["authorization", "--url", baseUrl, "--client-id", "demo", "-p", String(yield* freePort)],
          (sofar) => {
            const url = /(http:\/\/localhost:\d+\/authorize\?\S+)/.exec(sofar)?.[1]
            if (url === undefined || visited) return
            visited = true
            run(Effect.flatMap(allow(new URL(url)), (location) => Effect.promise(() => fetch(location))))
          }
        )
        if (process.env.CONFORMANCE) console.log(output)
        assert.strictEqual(code, 0, output)
        assert.isTrue(visited)
        assert.notMatch(output, /FAILURE|WARNING/)
      }).pipe(Effect.provide(testApp(TestDatabase.quick))),
    { timeout: 120_000 }
  )
})
