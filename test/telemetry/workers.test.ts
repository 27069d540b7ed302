import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { freePort, TestApp } from "../support/app.ts"
import { obtainTokens, rpc } from "../support/client.ts"
import { type Exposition, parseExposition } from "../support/exposition.ts"
import { freshDatabaseUrl } from "../support/postgres.ts"
import { childrenOf } from "../support/processes.ts"
import { ready, run, start } from "../support/program.ts"

describe("metrics of workers", () => {
  it.live(
    "MT6 are those of one server: added up, also while one is late, and after one has ended",
    () =>
      Effect.gen(function* () {
        const [port, metricsPort] = [yield* freePort, yield* freePort]
        const settings = {
          DATABASE_URL: yield* freshDatabaseUrl,
          PORT: String(port),
          METRICS_PORT: String(metricsPort),
          WORKERS: "2",
          LOG_LEVEL: "error"
        }
        assert.strictEqual((yield* run("app/programs/dbInit.ts", settings)).code, 0)
        const program = yield* start("main.ts", {
          ...settings,
          AUTO_SEED_CLIENT_ID: "demo",
          AUTO_SEED_REDIRECT_URIS: "http://127.0.0.1/callback"
        })
        const baseUrl = `http://localhost:${port}`
        yield* ready(baseUrl, program)
        const on = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
          Effect.provideService(effect, TestApp, { baseUrl, port } as TestApp["Service"])
        const scraped = Effect.promise(async () =>
          parseExposition(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text())
        )
        const until = (holds: (exposition: Exposition) => boolean) =>
          Effect.repeat(scraped, { until: holds, schedule: Schedule.spaced("50 millis") })
        yield* until(({ of }) => of("gatehouse_processes") === 3)

        const { access_token } = yield* on(obtainTokens())
        // Connections are dealt out in turn.
        const lists = Effect.replicateEffect(on(rpc(access_token, "tools/list", {}, { connection: "close" })), 8)
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
