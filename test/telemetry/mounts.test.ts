import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { parseExposition } from "../support/exposition.ts"
import { MetricsAt, served } from "../support/metrics.ts"
import { entryOf, known, mountedApp, resultOf, tokenOf, until } from "../support/mountedApp.ts"

const Served = served((port) =>
  mountedApp(() => ({ everything: entryOf("everything"), broken: { command: "/bin/false" } }), port)
)

layer(Served, { excludeTestServices: true, timeout: "2 minutes" })("metrics of mounts", (it) => {
  it.effect("MT7 tell which is up, its children and its calls, and which does not start", () =>
    Effect.gen(function* () {
      const at = yield* MetricsAt
      const scraped = Effect.promise(async () => parseExposition(await (await fetch(at)).text()))
      yield* known("everything")
      const broken = { upstream: "broken" }
      const down = yield* until(Effect.map(scraped, (now) => now.of("upstream_restarts_total", broken) > 0 && now))
      assert.strictEqual(down.of("upstream_up", broken), 0)
      assert.strictEqual(down.of("upstream_up", { upstream: "everything" }), 1)
      const token = yield* tokenOf("metrics", ["mcp.tools.call", "mcp.everything"])
      const result = yield* resultOf(token, "everything__echo", { message: "canary" })
      assert.include(JSON.stringify(result), "canary")
      const after = yield* scraped
      assert.strictEqual(after.of("upstream_children", { upstream: "everything" }) > 0, true)
      assert.strictEqual(after.of("mcp_tool_calls_total", { tool: "everything__echo", outcome: "ok" }), 1)
      const calls = { upstream: "everything", outcome: "ok" }
      assert.isAbove(
        after.of("upstream_call_duration_seconds_count", calls) -
          down.of("upstream_call_duration_seconds_count", calls),
        0
      )
    })
  )
})
