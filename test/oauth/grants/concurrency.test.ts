import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../../src/app/app.ts"
import { cleanUp } from "../../../src/app/cleanup.ts"
import { Logging } from "../../../src/app/logging.ts"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import { revoke } from "../../../src/oauth/grants/revoke.ts"
import { newCode, presenter, publicClient, refreshRequest, tokens } from "../../support/grants.ts"
import { onBothDatabases } from "../../support/postgres.ts"

const all = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.all(
    Array.from({ length: count }, () => effect),
    { concurrency: "unbounded" }
  )

const sessionsBy = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  return yield* sql`select status, head_generation from mcp.mcp_sessions order by created_at desc limit 1`.pipe(
    Effect.orDie
  )
})

onBothDatabases((name, database) => {
  const services = (grace: string) =>
    Stores.pipe(
      Layer.provideMerge(database),
      Layer.provideMerge(Logging),
      Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none", REFRESH_REUSE_GRACE_SECONDS: grace }))
    )
  const options = { excludeTestServices: true, timeout: "60 seconds" } as const
  const registered = Effect.gen(function* () {
    const registry = yield* ClientRegistry
    yield* registry.save(publicClient("one"))
  })

  it.layer(services("0"), options)(`many at once, strict, on ${name}`, (it) => {
    it.effect("TK9 of 50 exchanges of one code exactly one wins, and the replays revoke what it got", () =>
      Effect.gen(function* () {
        yield* registered
        const code = yield* newCode("one")
        const answers = yield* all(50, tokens("one", code))
        assert.strictEqual(answers.filter((answer) => answer !== undefined).length, 1)
        assert.deepStrictEqual(yield* sessionsBy, [{ status: "revoked", head_generation: 0 }])
      })
    )

    it.effect("RF3 of 50 refreshes of one token exactly one wins, and the session is compromised", () =>
      Effect.gen(function* () {
        yield* registered
        const first = yield* tokens("one", yield* newCode("one"))
        const answers = yield* all(50, tokens("one", refreshRequest(first?.refresh_token ?? "")))
        assert.strictEqual(answers.filter((answer) => answer !== undefined).length, 1)
        assert.deepStrictEqual(yield* sessionsBy, [{ status: "compromised", head_generation: 1 }])
      })
    )

    it.effect("a refresh against a revocation leaves no token alive, whichever comes first", () =>
      Effect.gen(function* () {
        yield* registered
        const sql = yield* SqlClient.SqlClient
        for (let round = 0; round < 10; round++) {
          const first = yield* tokens("one", yield* newCode("one"))
          const token = first?.refresh_token ?? ""
          const race = [
            tokens("one", refreshRequest(token)),
            revoke(new Map([["token", token]]), presenter("one")).pipe(Effect.orDie)
          ]
          yield* Effect.all(round % 2 === 0 ? race : race.reverse(), { concurrency: "unbounded" })
          const live = yield* sql`
            select count(*)::int as n from mcp.oauth_access_tokens a join mcp.mcp_sessions s on s.id = a.session_id
            where a.revoked_at is null and s.status = 'active'
              and s.id = (select id from mcp.mcp_sessions order by created_at desc limit 1)`.pipe(Effect.orDie)
          assert.deepStrictEqual(live, [{ n: 0 }])
        }
      })
    )

    it.effect("OP2 two cleanups and a hundred logins at once: nothing live is lost, and nobody waits for ever", () =>
      Effect.gen(function* () {
        yield* registered
        const sql = yield* SqlClient.SqlClient
        yield* all(
          100,
          Effect.flatMap(newCode("one"), (code) => tokens("one", code))
        )
        yield* sql`update mcp.oauth_access_tokens set expires_at = clock_timestamp() - interval '2 days'`.pipe(
          Effect.orDie
        )
        const logins = Effect.flatMap(newCode("one"), (code) => tokens("one", code))
        const [swept, issued] = yield* Effect.all([all(2, cleanUp(10)), all(100, logins)], { concurrency: "unbounded" })
        assert.isTrue(issued.every((answer) => answer !== undefined))
        const removed = swept.reduce((sum, { accessTokens }) => sum + accessTokens, 0)
        assert.isAtLeast(removed, 100)
        for (const answer of issued.slice(0, 10)) {
          assert.isDefined(yield* tokens("one", refreshRequest(answer?.refresh_token ?? "")))
        }
      })
    )
  })

  it.layer(services("120"), options)(`many at once, with a grace, on ${name}`, (it) => {
    it.effect("RF3 50 refreshes of one token all get the same successor, and there is one head", () =>
      Effect.gen(function* () {
        yield* registered
        const first = yield* tokens("one", yield* newCode("one"))
        const answers = yield* all(50, tokens("one", refreshRequest(first?.refresh_token ?? "")))
        assert.strictEqual(new Set(answers.map((answer) => answer?.refresh_token)).size, 1)
        assert.isDefined(answers[0])
        assert.deepStrictEqual(yield* sessionsBy, [{ status: "active", head_generation: 1 }])
      })
    )
  })
})
