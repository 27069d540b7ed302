import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import { call, messageOf, obtainTokens } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"
import { type Answering, upstream } from "../support/upstream.ts"

const soon = <A>(effect: Effect.Effect<A>, until: (value: A) => boolean) =>
  effect.pipe(Effect.repeat({ until, schedule: Schedule.spaced("5 millis") }), Effect.timeout("3 seconds"))

describe("a caller who hangs up", () => {
  it.live("MC11 interrupts the tool: the upstream is hung up on too, and the server goes on", () =>
    Effect.gen(function* () {
      const silent: Answering = () => undefined
      const stub = yield* upstream(silent)
      yield* Effect.gen(function* () {
        const { baseUrl } = yield* TestApp
        const { access_token } = yield* obtainTokens()
        const callers = Array.from({ length: 5 }, () => new AbortController())
        const calls = callers.map((caller, latitude) =>
          fetch(`${baseUrl}/mcp`, {
            method: "POST",
            signal: caller.signal,
            headers: {
              authorization: `Bearer ${access_token}`,
              "content-type": "application/json",
              accept: "application/json, text/event-stream",
              "mcp-protocol-version": "2025-11-25"
            },
            body: JSON.stringify({
              jsonrpc: "2.0",
              id: 1,
              method: "tools/call",
              params: { name: "get_weather", arguments: { latitude, longitude: 0 } }
            })
          }).then(
            (response) => response.text(),
            () => "hung up"
          )
        )
        yield* soon(
          Effect.sync(() => stub.asked.length),
          (asked) => asked === 5
        )
        assert.strictEqual(stub.hangUps(), 0)
        for (const caller of callers) caller.abort()
        yield* soon(Effect.sync(stub.hangUps), (hangUps) => hangUps === 5)
        yield* Effect.promise(() => Promise.all(calls))
        const answer = yield* call(access_token, "calculator", { expression: "1 + 1" })
        assert.strictEqual(messageOf(answer).result.structuredContent.result, "2")
      }).pipe(Effect.provide(testApp(TestDatabase.quick, { WEATHER_FORECAST_URL: stub.url })))
    }).pipe(Effect.scoped)
  )
})
