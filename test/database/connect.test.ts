import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import { sslOption, tlsRequest, verifies } from "../../src/database/tls.ts"
import { onBothDatabases } from "../support/postgres.ts"

onBothDatabases((name, database) => {
  it.layer(database, { excludeTestServices: true, timeout: "60 seconds" })(`the client on ${name}`, (it) => {
    it.effect("carries every kind of value there and back", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const bytes = new Uint8Array([0, 1, 254, 255])
        const instant = new Date("2026-11-24T12:34:56.789Z")
        const [row] = yield* sql`
          select ${"ä'\"\\"}::text as text, ${bytes}::bytea as bytes, ${instant}::timestamptz as instant,
                 ${["a", "b,c", '"']}::text[] as list, ${null}::text as nothing, ${42}::int as number`
        assert.deepStrictEqual(
          { ...row, bytes: Array.from((row?.bytes ?? []) as Uint8Array) },
          {
            text: "ä'\"\\",
            bytes: [...bytes],
            instant,
            list: ["a", "b,c", '"'],
            nothing: null,
            number: 42
          }
        )
      })
    )

    it.effect("carries large values in both directions", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const large = "x".repeat(3_000_000)
        const [row] = yield* sql`select ${large}::text as back, length(${large}::text) as length`
        assert.strictEqual(row?.length, large.length)
        assert.strictEqual(row?.back, large)
        assert.strictEqual((yield* sql`select generate_series(1, 20000) as n`).length, 20_000)
      })
    )

    it.effect("tells a unique violation from other errors, and goes on after either", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`create table mcp.one (id int primary key)`
        yield* sql`insert into mcp.one values (1)`
        const twice = yield* Effect.flip(sql`insert into mcp.one values (1)`)
        assert.strictEqual(twice.reason._tag, "UniqueViolation")
        const wrong = yield* Effect.flip(sql`select nonsense from nowhere`)
        assert.strictEqual(wrong.reason._tag, "SqlSyntaxError")
        assert.strictEqual((yield* sql`select 1 as ok`)[0]?.ok, 1)
        yield* sql`drop table mcp.one`
      })
    )

    it.effect("keeps 50 transactions at once apart", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        yield* sql`create table mcp.counter (n int not null)`
        yield* sql`insert into mcp.counter values (0)`
        const increment = sql.withTransaction(
          Effect.gen(function* () {
            const [row] = yield* sql<{ n: number }>`select n from mcp.counter for update`
            yield* Effect.yieldNow
            yield* sql`update mcp.counter set n = ${(row?.n ?? 0) + 1}`
          })
        )
        yield* Effect.all(
          Array.from({ length: 50 }, () => increment),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(yield* sql`select n from mcp.counter`, [{ n: 50 }])
        yield* sql`drop table mcp.counter`
      })
    )

    it.effect("rolls back a transaction that fails or is interrupted, and is not stuck afterwards", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const insert = sql`insert into mcp.audit_events (event) values ('test')`
        const failed = yield* Effect.exit(sql.withTransaction(Effect.andThen(insert, Effect.fail("no"))))
        assert.isTrue(Exit.isFailure(failed))
        const inserted = yield* Deferred.make<void>()
        const fiber = yield* Effect.forkChild(
          sql.withTransaction(
            insert.pipe(Effect.andThen(Deferred.succeed(inserted, undefined)), Effect.andThen(Effect.never))
          )
        )
        yield* Deferred.await(inserted)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(yield* sql`select count(*)::int as n from mcp.audit_events where event = 'test'`, [
          { n: 0 }
        ])
      })
    )
  })
})

describe("TLS to the database", () => {
  const of = (query: string, caFile?: string) => tlsRequest(new URL(`postgresql://h/d${query}`), caFile)

  it.effect("the certificate is checked for verify-*, and whenever a CA is at hand", () =>
    Effect.gen(function* () {
      for (const [query, caFile, checked] of [
        ["", undefined, false],
        ["?sslmode=disable", undefined, false],
        ["?sslmode=require", undefined, false],
        ["?sslmode=verify-ca", undefined, true],
        ["?sslmode=verify-full", undefined, true],
        ["?sslmode=require", "ca.pem", true],
        ["?sslmode=require&sslrootcert=ca.pem", undefined, true],
        ["?sslmode=disable", "ca.pem", false]
      ] as const) {
        assert.strictEqual(verifies(yield* of(query, caFile)), checked, `${query} ${caFile}`)
      }
      assert.match((yield* Effect.flip(of("?sslmode=sometimes"))).message, /sslmode must be one of/)
    })
  )

  it.effect("require encrypts without a check, verify-full checks chain and host, disable is in the clear", () =>
    Effect.gen(function* () {
      const optionOf = (query: string) => Effect.flatMap(of(query), (request) => sslOption(request, "db.example", 5432))
      assert.strictEqual(yield* optionOf("?sslmode=disable"), false)
      assert.deepInclude(yield* optionOf("?sslmode=require"), { rejectUnauthorized: false, servername: "db.example" })
      const full = yield* optionOf("?sslmode=verify-full")
      assert.isTrue(
        typeof full === "object" && full.rejectUnauthorized === true && full.checkServerIdentity === undefined
      )
      const chain = yield* optionOf("?sslmode=verify-ca")
      assert.isTrue(
        typeof chain === "object" && chain.rejectUnauthorized === true && chain.checkServerIdentity !== undefined
      )
      const missing = yield* Effect.flip(
        Effect.flatMap(of("?sslmode=require", "/nowhere.pem"), (r) => sslOption(r, "h", 1))
      )
      assert.match(missing.message, /CA file/)
    })
  )

  it.effect("prefer stays in the clear where the server has no TLS or is not there", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* sslOption(yield* of(""), "127.0.0.1", 1), false)
    })
  )
})
