import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { freePort } from "../support/app.ts"
import { admitted, obtainTokens, revoke } from "../support/client.ts"
import { onPostgres } from "../support/connecting.ts"
import { childrenOf } from "../support/processes.ts"
import { type Program, run } from "../support/program.ts"

const workersOf = (program: Program) => childrenOf(program.process.pid ?? 0)

/** As long as the test may take. */
const until = <E, R>(condition: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(condition, { until: (holds) => holds, schedule: Schedule.spaced("50 millis") })

describe("workers", () => {
  it.live(
    "share the port and what was revoked; one that dies is replaced, and all end with the server",
    () =>
      Effect.gen(function* () {
        const { program, on } = yield* onPostgres({ WORKERS: "2" })
        yield* until(Effect.sync(() => workersOf(program).length === 2))

        const { access_token, refresh_token } = yield* on(obtainTokens())
        // Connections are dealt out in turn, so either worker has seen the token after some.
        for (let call = 0; call < 8; call++) assert.isTrue(yield* on(admitted(access_token)))
        yield* on(revoke(refresh_token))
        const calls = Effect.replicateEffect(on(admitted(access_token)), 8)
        yield* until(Effect.map(calls, (answers) => !answers.includes(true)))
        assert.notInclude(yield* calls, true)

        const [victim = 0, other] = workersOf(program)
        process.kill(victim, "SIGKILL")
        yield* until(
          Effect.sync(() => {
            const now = workersOf(program)
            return now.length === 2 && !now.includes(victim) && now.includes(other ?? 0)
          })
        )
        for (let flow = 0; flow < 4; flow++) {
          assert.isTrue(yield* on(admitted((yield* on(obtainTokens())).access_token)))
        }

        const last = workersOf(program)
        program.process.kill("SIGTERM")
        assert.strictEqual(yield* program.exited, 0)
        for (const pid of last) assert.throws(() => process.kill(pid, 0))
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )

  it.live(
    "that cannot start end the server, which says why; without a database of its own there is one",
    () =>
      Effect.gen(function* () {
        const unreachable = { DATABASE_URL: `postgresql://nobody@127.0.0.1:${yield* freePort}/none?sslmode=disable` }
        const failed = yield* run("main.ts", { ...unreachable, PORT: String(yield* freePort), WORKERS: "2" })
        assert.strictEqual(failed.code, 1)
        assert.match(failed.output, /worker \d did not start/)
        const embedded = yield* run("main.ts", { WORKERS: "2" })
        assert.strictEqual(embedded.code, 1)
        assert.include(embedded.output, "WORKERS must be 1 without DATABASE_URL")
      }),
    { timeout: 180_000 }
  )
})
