import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { freePort } from "../support/app.ts"
import { obtainTokens, rpc } from "../support/client.ts"
import { onPostgres } from "../support/connecting.ts"
import { type Exposition, parseExposition } from "../support/exposition.ts"
import { childrenOf } from "../support/processes.ts"

describe("metrics of workers", () => {
  it.live(
    "MT6 are those of one server: added up, also while one is late, and after one has ended",
    () =>
      Effect.gen(function* () {
        const metricsPort = yield* freePort
        const settings = { METRICS_PORT: String(metricsPort), WORKERS: "2", LOG_LEVEL: "error" }
        const { program, on } = yield* onPostgres(settings)
        const scraped = Effect.promise(async () =>
          parseExposition(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text())
        )
        const until = (holds: (exposition: Exposition) => boolean) =>
          Effect.repeat(scraped, { until: holds, schedule: Schedule.spaced("50 millis") })
        yield* until(({ of }) => of("gatehouse_processes") === 3)

        const { access_token } = yield* on(obtainTokens())
        // Connections are dealt out in turn.
        const lists = Effect.replicateEffect(on(rpc(access_token, "tools/list")), 8)
        yield* lists
        const listed = { route: "/mcp", status: "200" }
        const name = "http_server_request_duration_seconds_count"
        const before = yield* scraped
        assert.strictEqual(before.of(name, listed), 8)
        assert.strictEqual(before.of("oauth_tokens_issued_total"), 1)
        assert.strictEqual(before.of("gatehouse_info"), 1)
        assert.strictEqual(before.of("gatehouse_ready"), 1)

        const [late = 0, other = 0] = childrenOf(program.process.pid ?? 0)
        process.kill(late, "SIGSTOP")
        const without = yield* scraped
        assert.strictEqual(without.of("gatehouse_processes"), 2)
        assert.strictEqual(without.of(name, listed), 8)
        process.kill(late, "SIGCONT")
        yield* until(({ of }) => of("gatehouse_processes") === 3)

        process.kill(other, "SIGKILL")
        const after = yield* until(
          ({ of }) => of("gatehouse_processes") === 3 && !childrenOf(program.process.pid ?? 0).includes(other)
        )
        assert.strictEqual(after.of(name, listed), 8)
        program.process.kill("SIGTERM")
        assert.strictEqual(yield* program.exited, 0)
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )
})
