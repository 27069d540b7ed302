import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Metric } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import { call, obtainTokens, refresh, revoke } from "../support/client.ts"
import { losing } from "../support/losses.ts"
import type { PostgresProxy } from "../support/postgresProxy.ts"
import { until } from "../support/processes.ts"

class Way extends Context.Service<Way, PostgresProxy>()("test/Way") {}

/** All fibers of the server, wherever they were forked. */
let alive = 0
const counted = Layer.succeed(Metric.FiberRuntimeMetrics, {
  recordFiberStart: () => {
    alive++
  },
  recordFiberEnd: () => {
    alive--
  }
})

const [ROUNDS, CALLERS] = [6, 24]
/** What may be at work in the background just now; one leaked by every tenth caller would be more. */
const BACKGROUND = 12

/** Asks, and hangs up in the middle of it. */
const hangUp = (url: string, init: RequestInit, afterMs: number) =>
  Effect.promise(async () => {
    const caller = new AbortController()
    const answer = fetch(url, { ...init, signal: caller.signal }).then((response) => response.text())
    setTimeout(() => caller.abort(), afterMs)
    await answer.catch(() => undefined)
  })

const app = Layer.unwrap(
  Effect.map(losing, ({ database, proxy }) => Layer.merge(testApp(database), Layer.succeed(Way, proxy)))
)

layer(app.pipe(Layer.provide(counted)), { excludeTestServices: true, timeout: "120 seconds" })("fibers", (it) => {
  it.effect(
    "none is left by whoever was answered, hung up, or met a database that was away",
    () =>
      Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const proxy = yield* Way
        const first = yield* obtainTokens()
        const before = alive
        assert.isAbove(before, 0)
        for (let round = 0; round < ROUNDS; round++) {
          const headers = { authorization: `Bearer ${first.access_token}`, "content-type": "application/json" }
          const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" })
          const callers = Array.from({ length: CALLERS }, (_, n) => {
            if (n % 3 === 0) return hangUp(`${baseUrl}/mcp`, { method: "POST", headers, body }, n % 7)
            if (n % 3 === 1) return Effect.ignoreCause(call(first.access_token, "calculator", { expression: `${n}` }))
            return Effect.gen(function* () {
              const { refresh_token } = yield* obtainTokens()
              const { body } = yield* refresh(refresh_token)
              yield* revoke(body.refresh_token ?? "none")
            }).pipe(Effect.ignoreCause)
          })
          const loss = Effect.sync(() => (round % 2 === 0 ? proxy.reset() : proxy.decide(() => "unanswered")))
          yield* Effect.all([...callers.slice(0, CALLERS / 2), loss, ...callers.slice(CALLERS / 2)], {
            concurrency: "unbounded"
          })
          proxy.decide(() => "passed")
        }
        yield* until(() => alive <= before + BACKGROUND, "fibers are left")
      }),
    { timeout: 300_000 }
  )
})
