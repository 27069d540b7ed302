import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../../src/app/app.ts"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import { ClientRegistry } from "../../../src/oauth/clients/ClientRegistry.ts"
import { TokenStore } from "../../../src/oauth/grants/TokenStore.ts"
import { grant } from "../../../src/oauth/grants/token.ts"
import { catalogueOf, ScopeCatalogue } from "../../../src/oauth/scope.ts"
import { newCode, publicClient, refreshRequest, tokens } from "../../support/grants.ts"
import { onBothDatabases } from "../../support/postgres.ts"

const BY = { actorId: "00000000-0000-4000-8000-000000000001", address: "198.51.100.7" }
/** Nothing else is written. */
const ALONE = () => Effect.void
const from = (address: string, token: string) =>
  grant(publicClient("one"), refreshRequest(token), { clientId: "one", method: "none", address }).pipe(
    Effect.provideService(ScopeCatalogue, { current: () => catalogueOf([]) }),
    Effect.orDie
  )

onBothDatabases((name, database) => {
  const services = Stores.pipe(
    Layer.provideMerge(database),
    Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none", REFRESH_REUSE_GRACE_SECONDS: "60" }))
  )
  it.layer(services, { excludeTestServices: true, timeout: "60 seconds" })(`connections on ${name}`, (it) => {
    const fresh = Effect.gen(function* () {
      yield* (yield* ClientRegistry).save(publicClient("one"))
      return yield* tokens("one", yield* newCode("one"))
    })
    const newest = Effect.gen(function* () {
      return (yield* (yield* TokenStore).connections({ limit: 1 }))[0]
    })
    it.effect("ASVS 10.4.9 tells what is connected, and from where tokens were last asked for", () =>
      Effect.gen(function* () {
        const pair = yield* fresh
        assert.deepInclude(yield* newest, {
          clientId: "one",
          clientName: "one",
          origin: "configured",
          subject: "somebody",
          status: "active",
          lastAddress: "192.0.2.1"
        })
        yield* from("192.0.2.2", pair?.refresh_token ?? "")
        assert.strictEqual((yield* newest)?.lastAddress, "192.0.2.2")
      })
    )
    it.effect("a repeated refresh is from somewhere too", () =>
      Effect.gen(function* () {
        const pair = yield* fresh
        yield* from("192.0.2.2", pair?.refresh_token ?? "")
        yield* from("192.0.2.3", pair?.refresh_token ?? "")
        assert.strictEqual((yield* newest)?.lastAddress, "192.0.2.3")
      })
    )
    it.effect("page by page each session is there once", () =>
      Effect.gen(function* () {
        const store = yield* TokenStore
        for (let i = 0; i < 5; i++) yield* fresh
        const all = (yield* store.connections({ limit: 100 })).map((c) => c.sessionId)
        const paged: string[] = []
        for (let before: string | undefined; ; ) {
          const page = yield* store.connections({ limit: 2, before })
          paged.push(...page.map((c) => c.sessionId))
          if (page.length < 2) break
          before = page.at(-1)?.sessionId
        }
        assert.deepStrictEqual(paged, all)
      })
    )
    it.effect("a page after a connection that is none is refused, and is not the first one", () =>
      Effect.gen(function* () {
        yield* fresh
        const { connections } = yield* TokenStore
        for (const before of ["", "4711", "00000000-0000-4000-8000-000000000000"]) {
          assert.strictEqual((yield* Effect.flip(connections({ limit: 2, before })))._tag, "NoSuchConnection", before)
        }
      })
    )
    it.effect("TK17 a disconnection ends codes and sessions, and is shown for seven days", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const store = yield* TokenStore
        const pair = yield* fresh
        const pending = yield* newCode("one")
        const ended = yield* store.disconnect({ subject: "somebody", clientId: "one" }, BY, ALONE)
        assert.isAtLeast(ended.length, 1)
        assert.isUndefined(yield* tokens("one", pending))
        assert.isUndefined(yield* tokens("one", refreshRequest(pair?.refresh_token ?? "")))
        assert.deepInclude(yield* newest, { status: "revoked", reason: "disconnected" })
        yield* sql`update mcp.mcp_sessions set status_changed_at = clock_timestamp() - interval '7 days 1 minute' where status <> 'active'`
        assert.deepStrictEqual(yield* store.connections({ limit: 9 }), [])
        assert.deepStrictEqual(yield* store.disconnect({ subject: "somebody", clientId: "one" }, BY, ALONE), [])
      }).pipe(Effect.orDie)
    )
    it.effect("its event says who did it, and from where", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* fresh
        const [ended] = yield* (yield* TokenStore).disconnect({ subject: "somebody", clientId: "one" }, BY, ALONE)
        const [event] =
          yield* sql`select actor_id::text, address, detail from mcp.audit_events where session_id = ${ended?.sessionId ?? ""} and event = 'session_revoked'`
        assert.deepInclude(event, { actor_id: BY.actorId, address: BY.address })
      }).pipe(Effect.orDie)
    )
  })
})
