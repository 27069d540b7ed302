import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../../src/app/app.ts"
import { cleanUp } from "../../../src/app/cleanup.ts"
import { Logging } from "../../../src/app/logging.ts"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import { TokenStore } from "../../../src/oauth/grants/TokenStore.ts"
import { newCode, publicClient, REDIRECT_URI, refreshRequest, tokens } from "../../support/grants.ts"
import { onBothDatabases } from "../../support/postgres.ts"

const NOTHING = {
  authorizationCodes: 0,
  decisions: 0,
  redemptions: 0,
  accessTokens: 0,
  refreshTokens: 0,
  sessions: 0,
  clients: 0,
  browserSessions: 0,
  ceremonies: 0,
  links: 0,
  events: 0,
  serverSignIns: 0,
  usage: 0
}

onBothDatabases((name, database) => {
  const services = Stores.pipe(
    Layer.provideMerge(database),
    Layer.provideMerge(Logging),
    Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none" }))
  )
  const signIn = Effect.gen(function* () {
    yield* (yield* ClientRegistry).save(publicClient("one"))
    const pair = yield* tokens("one", yield* newCode("one"))
    return { refreshToken: pair?.refresh_token ?? "" }
  })
  /** Moves a moment of every row of a table into the past. */
  const age = Effect.fn("age")(function* (table: string, column: string, past: string) {
    const sql = yield* SqlClient.SqlClient
    yield* sql`update mcp.${sql(table)} set ${sql(column)} = clock_timestamp() - ${past}::interval`.pipe(Effect.orDie)
  })
  const counts = Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const [row] = yield* sql`
      select (select count(*)::int from mcp.oauth_authorization_codes) as codes,
             (select count(*)::int from mcp.mcp_sessions) as sessions,
             (select count(*)::int from mcp.oauth_access_tokens) as access,
             (select count(*)::int from mcp.oauth_refresh_tokens) as refresh`.pipe(Effect.orDie)
    return row
  })

  it.layer(services, { excludeTestServices: true, timeout: "60 seconds" })(`cleanup on ${name}`, (it) => {
    it.effect("OP2 leaves alone what lives: codes, tokens, sessions", () =>
      Effect.gen(function* () {
        yield* signIn
        yield* newCode("one")
        const before = yield* counts
        assert.deepStrictEqual(yield* cleanUp(), NOTHING)
        assert.deepStrictEqual(yield* counts, before)
      })
    )

    it.effect(
      "takes expired codes and forms, access tokens after a day, refresh tokens after seven, then the session",
      () =>
        Effect.gen(function* () {
          yield* cleanUp()
          yield* age("oauth_authorization_codes", "expires_at", "0 seconds")
          yield* age("oauth_decisions", "expires_at", "0 seconds")
          const { authorizationCodes, decisions } = yield* cleanUp()
          assert.isAtLeast(authorizationCodes, 1)
          assert.isAtLeast(decisions, 1)

          for (const column of ["expires_at", "revoked_at"]) {
            yield* age("oauth_access_tokens", column, "23 hours 59 minutes")
            yield* age("oauth_refresh_tokens", column, "6 days 23 hours 59 minutes")
            assert.deepStrictEqual(yield* cleanUp(), NOTHING)
          }
          yield* age("oauth_access_tokens", "revoked_at", "24 hours 1 minute")
          assert.deepStrictEqual(yield* cleanUp(), { ...NOTHING, accessTokens: 1 })
          yield* age("oauth_refresh_tokens", "expires_at", "7 days 1 minute")
          assert.deepStrictEqual(yield* cleanUp(), { ...NOTHING, refreshTokens: 1, sessions: 1 })
          assert.deepStrictEqual(yield* counts, { codes: 0, sessions: 0, access: 0, refresh: 0 })
        })
    )

    it.effect("takes answers that nobody asked for again, once the grace is over", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* signIn
        yield* sql`
          insert into mcp.oauth_redemptions (session_id, sealed_answer, auth_time, created_at, expires_at)
          select id, '', now(), now(), now() + interval '1 minute' from mcp.mcp_sessions`.pipe(Effect.orDie)
        assert.deepStrictEqual(yield* cleanUp(), NOTHING)
        yield* age("oauth_redemptions", "expires_at", "0 seconds")
        assert.deepStrictEqual(yield* cleanUp(), { ...NOTHING, redemptions: 1 })
        yield* sql`delete from mcp.mcp_sessions`.pipe(Effect.orDie)
      })
    )

    it.effect("OP2 a retired token of a living session is recognised after its row is gone", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const first = yield* signIn
        const second = yield* tokens("one", refreshRequest(first.refreshToken))
        yield* sql`update mcp.oauth_refresh_tokens set revoked_at = clock_timestamp() - interval '8 days'
                   where rotated_at is not null`.pipe(Effect.orDie)
        assert.strictEqual((yield* cleanUp()).refreshTokens, 1)
        assert.isUndefined(yield* tokens("one", refreshRequest(first.refreshToken)))
        const [session] = yield* sql`select status from mcp.mcp_sessions`.pipe(Effect.orDie)
        assert.strictEqual(session?.status, "compromised")
        assert.isUndefined(yield* tokens("one", refreshRequest(second?.refresh_token ?? "")))
        yield* sql`delete from mcp.mcp_sessions`.pipe(Effect.orDie)
      })
    )

    it.effect("RG10 reaps clients that registered themselves and are not used, and remembers their ids", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const registry = yield* ClientRegistry
        const metadata = {
          client_name: "x",
          redirect_uris: [REDIRECT_URI],
          grant_types: ["authorization_code", "refresh_token"],
          response_types: ["code"],
          token_endpoint_auth_method: "none",
          application_type: "native"
        } as const
        const register = (clientId: string) =>
          registry.register({ ...publicClient(clientId), origin: "dynamic" }, metadata, Buffer.from(clientId))
        const set = (clientId: string, column: string, past: string) =>
          sql`update mcp.oauth_clients set ${sql(column)} = clock_timestamp() - ${past}::interval
              where client_id = ${clientId}`.pipe(Effect.orDie)
        for (const clientId of ["fresh", "unused", "used", "idle", "resting"]) yield* register(clientId)
        yield* set("fresh", "created_at", "23 hours")
        yield* set("unused", "created_at", "25 hours")
        for (const clientId of ["used", "idle", "resting"]) yield* set(clientId, "created_at", "400 days")
        yield* set("idle", "last_used_at", "91 days")
        yield* set("resting", "last_used_at", "89 days")
        // One that was made by hand is nobody's to reap.
        yield* registry.save(publicClient("configured"))
        yield* set("configured", "created_at", "400 days")
        const pair = yield* tokens("used", yield* newCode("used"))
        assert.isDefined(pair)

        assert.strictEqual((yield* cleanUp()).clients, 2)
        const left = yield* sql`select client_id from mcp.oauth_clients where client_id <> 'one' order by 1`
        assert.deepStrictEqual(
          left.map(({ client_id }) => client_id),
          ["configured", "fresh", "resting", "used"]
        )
        assert.isTrue(yield* registry.wasRemoved("unused"))
        assert.isTrue(yield* registry.wasRemoved("idle"))
        assert.isFalse(yield* registry.wasRemoved("fresh"))

        // The end of its last session is when a client was last used.
        yield* sql`update mcp.oauth_access_tokens set expires_at = clock_timestamp() - interval '8 days'`
        yield* sql`update mcp.oauth_refresh_tokens set expires_at = clock_timestamp() - interval '8 days'`
        assert.isAtLeast((yield* cleanUp()).sessions, 1)
        assert.strictEqual((yield* cleanUp()).clients, 0)
        const [used] =
          yield* sql`select last_used_at is not null as marked from mcp.oauth_clients where client_id = 'used'`
        assert.isTrue(used?.marked)
        yield* sql`delete from mcp.oauth_clients where client_id <> 'one'`
      }).pipe(Effect.orDie)
    )

    it.effect("looks at nothing that lives, however much of it there is", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const LIVING = 5000
        yield* signIn
        yield* sql`
          insert into mcp.mcp_sessions (id, client_id, subject, scopes, resource, code_hash, redirect_uri, code_challenge, expires_at)
          select gen_random_uuid(), 'one', 'somebody', '{}', 'r', '', '', '', now() + interval '1 day'
          from generate_series(1, ${LIVING}::int)`
        yield* sql`
          insert into mcp.oauth_access_tokens (token_hash, session_id, generation, scopes, resource, expires_at)
          select sha256(id::text::bytea), id, 0, '{}', 'r', expires_at from mcp.mcp_sessions where resource = 'r'`
        yield* sql`
          insert into mcp.oauth_refresh_tokens (token_hash, session_id, generation, expires_at)
          select sha256(id::text::bytea), id, 0, expires_at from mcp.mcp_sessions where resource = 'r'`
        yield* sql`
          insert into mcp.oauth_decisions (id, expires_at) select id, expires_at from mcp.mcp_sessions where resource = 'r'`
        yield* sql`analyze`
        // In one transaction, so that it is one connection whose reads are counted.
        const read = sql.withTransaction(
          Effect.gen(function* () {
            const reads = sql<{ rows: number }>`
              select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as rows from pg_stat_xact_user_tables
              where schemaname = 'mcp'`
            const [before] = yield* reads
            yield* (yield* TokenStore).sweep(1000)
            const [after] = yield* reads
            return (after?.rows ?? 0) - (before?.rows ?? 0)
          })
        )
        assert.isBelow(yield* read, LIVING / 10)
        yield* sql`delete from mcp.mcp_sessions where resource = 'r'`
        yield* sql`truncate mcp.oauth_decisions`
      }).pipe(Effect.orDie)
    )

    it.effect("OP2 goes on batch after batch, and two runners share the work without waiting", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* cleanUp()
        yield* sql`insert into mcp.oauth_decisions (id, expires_at)
                   select gen_random_uuid(), clock_timestamp() - interval '1 minute' from generate_series(1, 95)`.pipe(
          Effect.orDie
        )
        const both = yield* Effect.all([cleanUp(10), cleanUp(10)], { concurrency: 2 })
        assert.strictEqual(both[0].decisions + both[1].decisions, 95)
      })
    )

    if (name === "Postgres") {
      it.effect("OP2 steps around a row that a login holds", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* sql`insert into mcp.oauth_decisions (id, expires_at)
                     select gen_random_uuid(), clock_timestamp() - interval '1 minute' from generate_series(1, 3)`
          const locked = yield* Deferred.make<void>()
          // Begun outside the transaction, so that it takes another connection.
          const sweeper = yield* Effect.forkChild(Effect.andThen(Deferred.await(locked), cleanUp()))
          const login = Effect.gen(function* () {
            yield* sql`select from mcp.oauth_decisions where expires_at < clock_timestamp() limit 1 for update`
            yield* Deferred.succeed(locked, undefined)
            return yield* Fiber.join(sweeper)
          })
          assert.strictEqual((yield* sql.withTransaction(login)).decisions, 2)
          assert.strictEqual((yield* cleanUp()).decisions, 1)
        })
      )
    }
  })
})
