import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../src/app/app.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { People } from "../../src/people/People.ts"
import { browserOf, somebody } from "../support/people.ts"
import { onBothDatabases } from "../support/postgres.ts"

const NOBODY = { id: undefined, address: undefined }
const NOTHING = { browserSessions: 0, ceremonies: 0, links: 0, events: 0 }
const sweep = (batch: number) => Effect.flatMap(People, (people) => people.sweep(batch))

onBothDatabases((name, database) => {
  const services = Stores.pipe(
    Layer.provideMerge(database),
    Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none" }))
  )
  it.layer(services, { excludeTestServices: true, timeout: "60 seconds" })(`the sweep of people on ${name}`, (it) => {
    it.effect(
      "takes browsers that have ended or were idle for too long, links and ceremonies that have, and nothing else",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const people = yield* People
          const [ada, bob] = [yield* somebody("Ada"), yield* somebody("Bob", "member")]
          const browsers = {
            live: yield* browserOf(bob.id),
            idle: yield* browserOf(bob.id),
            ended: yield* browserOf(ada.id)
          }
          yield* people.invite("eve@people.example", "member", NOBODY)
          yield* people.resetLink(bob.id, NOBODY, "owner")
          yield* sql`
          insert into mcp.ceremonies (id_hash, kind, detail, expires_at)
          values ('a', 'x', '{}', clock_timestamp() + interval '1 minute'), ('b', 'x', '{}', clock_timestamp())`
          const set = (what: "last_used_at" | "expires_at", { sessionId }: { sessionId: string }, past: string) =>
            sql`update mcp.browser_sessions set ${sql(what)} = clock_timestamp() - ${past}::interval where id = ${sessionId}`
          yield* set("last_used_at", browsers.idle, "13 days 23 hours 59 minutes")
          yield* set("last_used_at", browsers.live, "13 days 23 hours 59 minutes")
          assert.deepStrictEqual(yield* sweep(10), { ...NOTHING, ceremonies: 1 })
          yield* set("last_used_at", browsers.idle, "14 days")
          yield* set("expires_at", browsers.ended, "0 seconds")
          yield* sql`update mcp.links set expires_at = clock_timestamp() where kind = 'reset'`
          assert.deepStrictEqual(yield* sweep(10), { ...NOTHING, browserSessions: 2, links: 1 })
          assert.deepStrictEqual(yield* sweep(10), NOTHING)
          assert.deepStrictEqual(yield* sql`select id::text from mcp.browser_sessions`, [
            { id: browsers.live.sessionId }
          ])
          assert.deepStrictEqual(yield* sql`select kind from mcp.links`, [{ kind: "invitation" }])
          assert.lengthOf(yield* people.list, 2)
          yield* sql`truncate mcp.browser_sessions, mcp.links, mcp.ceremonies, mcp.server_sign_ins`
        }).pipe(Effect.orDie)
    )

    it.effect("takes events that are older than EVENTS_RETENTION_DAYS, so many at a time, and no other", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`
          insert into mcp.audit_events (event, at)
          select 'old', clock_timestamp() - interval '365 days' from generate_series(1, 7)`
        yield* sql`
          insert into mcp.audit_events (event, at) values ('lasting', clock_timestamp() - interval '364 days 23 hours')`
        const counts = yield* Effect.forEach([1, 2, 3], () => Effect.map(sweep(5), ({ events }) => events))
        assert.deepStrictEqual(counts, [5, 2, 0])
        assert.lengthOf(yield* sql`select from mcp.audit_events where event = 'lasting'`, 1)
        assert.lengthOf(yield* sql`select from mcp.audit_events where event = 'old'`, 0)
      }).pipe(Effect.orDie)
    )

    /** So many browsers of somebody, whose moments are so far from now. */
    const browsers = Effect.fnUntraced(function* (count: number, expires: string, used: string) {
      const sql = yield* SqlClient.SqlClient
      yield* sql`
        insert into mcp.browser_sessions (token_hash, person_id, method, user_agent, address, last_used_at, expires_at)
        select sha256(gen_random_uuid()::text::bytea), (select id from mcp.people limit 1), 'password', '', '',
               now() + ${used}::interval, now() + ${expires}::interval
        from generate_series(1, ${count}::int)`
    })

    it.effect("takes so many of a kind at a time, whichever way they have ended", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* browsers(7, "-1 minute", "-1 hour")
        yield* browsers(7, "1 day", "-15 days")
        const counts = yield* Effect.forEach([1, 2, 3, 4], () => Effect.map(sweep(5), (swept) => swept.browserSessions))
        assert.deepStrictEqual(counts, [5, 5, 4, 0])
        assert.lengthOf(yield* sql`select 1 from mcp.browser_sessions`, 0)
      }).pipe(Effect.orDie)
    )

    it.effect("looks at nothing that lives, however much of it there is", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const LIVING = 5000
        yield* browsers(LIVING, "1 day", "-1 hour")
        yield* sql`
          insert into mcp.ceremonies (id_hash, kind, detail, expires_at)
          select sha256(n::text::bytea), 'x', '{}', now() + interval '1 day' from generate_series(1, ${LIVING}::int) n`
        yield* sql`
          insert into mcp.links (token_hash, kind, email, role, expires_at)
          select sha256(n::text::bytea), 'invitation', n || '@people.example', 'member', now() + interval '1 day'
          from generate_series(1, ${LIVING}::int) n`
        yield* browsers(3, "-1 minute", "-1 hour")
        yield* browsers(3, "1 day", "-15 days")
        yield* sql`analyze`
        // In one transaction, so that it is one connection whose reads are counted.
        const read = yield* sql.withTransaction(
          Effect.gen(function* () {
            const reads = sql<{ rows: number }>`
              select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as rows from pg_stat_xact_user_tables
              where schemaname = 'mcp'`
            const [before] = yield* reads
            assert.strictEqual((yield* sweep(1000)).browserSessions, 6)
            const [after] = yield* reads
            return (after?.rows ?? 0) - (before?.rows ?? 0)
          })
        )
        assert.isBelow(read, LIVING / 10)
      }).pipe(Effect.orDie)
    )
  })
})
