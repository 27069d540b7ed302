/** Two clocks that differ: lifetimes follow the database's, whatever this process believes. */

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Reactivity } from "effect/reactivity"
import { freePort, TestApp } from "../support/app.ts"
import { admitted, exchange, obtainCode, REDIRECT_URI, refresh } from "../support/client.ts"
import { clientOf, migratedDatabaseUrl } from "../support/postgres.ts"
import { ready, start } from "../support/program.ts"

const HOUR = 3_600_000

/** What a process preloads to live so many milliseconds from now. */
const preload = (milliseconds: number) =>
  `data:text/javascript,${encodeURIComponent(`
    const { Date: Real } = globalThis
    globalThis.Date = class Date extends Real {
      constructor(...given) { if (given.length === 0) super(Real.now() + ${milliseconds}); else super(...given) }
      static now() { return Real.now() + ${milliseconds} }
    }`)}`

describe("a server whose clock is wrong", () => {
  for (const [what, milliseconds] of [
    ["an hour fast", HOUR],
    ["an hour slow", -HOUR]
  ] as const) {
    it.live(
      `OP11 ${what}: codes and tokens last as long as the database says, and end when it says`,
      () =>
        Effect.gen(function* () {
          const url = yield* migratedDatabaseUrl
          const port = yield* freePort
          const program = yield* start("main.ts", {
            PORT: String(port),
            DATABASE_URL: url,
            NODE_OPTIONS: `--import "${preload(milliseconds)}"`,
            ACCESS_TOKEN_TTL_SECONDS: "1800",
            REFRESH_TOKEN_TTL_SECONDS: "3000",
            AUTO_SEED_CLIENT_ID: "demo",
            AUTO_SEED_REDIRECT_URIS: REDIRECT_URI
          })
          const baseUrl = `http://localhost:${port}`
          yield* ready(baseUrl, program)
          const sql = yield* Effect.provide(clientOf(url, 1), Reactivity.layer)
          yield* Effect.gen(function* () {
            const { body } = yield* exchange(yield* obtainCode())
            assert.isTrue(yield* admitted(body.access_token))
            const next = yield* refresh(body.refresh_token)
            assert.strictEqual(next.status, 200, next.text)
            assert.isTrue(yield* admitted(next.body.access_token))

            yield* sql`update mcp.oauth_access_tokens set expires_at = clock_timestamp()`
            // The database tells it, and that takes a moment.
            yield* Effect.repeat(admitted(next.body.access_token), { until: (isAdmitted) => !isAdmitted })
            yield* sql`update mcp.oauth_refresh_tokens set expires_at = clock_timestamp() where rotated_at is null`
            assert.strictEqual((yield* refresh(next.body.refresh_token)).body.error, "invalid_grant")

            const late = yield* obtainCode()
            yield* sql`update mcp.oauth_authorization_codes set expires_at = clock_timestamp()`
            assert.strictEqual((yield* exchange(late)).body.error, "invalid_grant")
          }).pipe(Effect.provideService(TestApp, { baseUrl, port, sql }))
        }).pipe(Effect.scoped),
      300_000
    )
  }
})
