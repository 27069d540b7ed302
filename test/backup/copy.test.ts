import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../src/app/app.ts"
import { copyTo } from "../../src/backup/copy.sql.ts"
import { inspect, writeWhole } from "../../src/backup/file.ts"
import { judge, restore } from "../../src/backup/restore.sql.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import * as Database from "../../src/database/connect.ts"
import { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import { newCode, publicClient, refreshRequest, tokens } from "../support/grants.ts"
import { browserOf, somebody } from "../support/people.ts"
import { clientOf, freshDatabaseUrl, onBothDatabases, TestDatabase } from "../support/postgres.ts"
import { temporaryFolder } from "../support/program.ts"

const MOVE = { isReplacing: false, keepsSessions: true, migrates: true }
const options = { timeout: 300_000 }

const copyOf = (file: string) => writeWhole(file, (to) => copyTo(file, to))
const linesOf = (file: string) => gunzipSync(readFileSync(file)).toString("utf8").trimEnd().split("\n")

/** All rows of a copy but the one that a restore adds, by table. */
const contentOf = (file: string) =>
  linesOf(file)
    .slice(1, -1)
    .filter((line) => !line.includes('"restored"'))

const inhabited = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const ada = yield* somebody("Ada")
  yield* browserOf(ada.id)
  yield* (yield* ClientRegistry).save(publicClient("desk"))
  const first = yield* Effect.flatMap(newCode("desk", ada.id), (code) => tokens("desk", code))
  yield* tokens("desk", refreshRequest(first?.refresh_token ?? ""))
  yield* newCode("desk", ada.id)
  yield* sql`update mcp.people set name = ${'A "quoted"\nname \\ of, {several} é😀 signs\t'}`
  yield* sql`
    insert into mcp.audit_events (event, at, detail)
    values ('odd', 'infinity', '{"n": 12345678901234567890.000001, "a": [null, "\\u2028", "\\"]"]}')`
  yield* sql`update mcp.oauth_clients set redirect_uris = array['a,b', '"', 'null', '{}', '\\', '']`
}).pipe(Effect.provide(Stores.pipe(Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none" })))), Effect.orDie)

const emptyPostgres = Layer.orDie(PgClient.layerFrom(Effect.flatMap(freshDatabaseUrl, (url) => clientOf(url))))

onBothDatabases((engine, database) => {
  describe(`a copy (of ${engine})`, () => {
    it.live(
      "has every value as it was, on either engine that it is restored on, and numbers go on after it",
      () =>
        Effect.gen(function* () {
          const folder = yield* temporaryFolder
          const [file, again] = [join(folder, "a.gz"), join(folder, "b.gz")]
          yield* Effect.provide(Effect.andThen(inhabited, copyOf(file)), database)
          const { tables } = yield* inspect(file)
          assert.strictEqual(tables.get("oauth_refresh_tokens"), 2)
          for (const target of [Database.layerMemoryUnmigrated, emptyPostgres]) {
            yield* Effect.gen(function* () {
              yield* restore(file, MOVE)
              yield* copyOf(again)
              assert.deepStrictEqual(contentOf(again), contentOf(file))
              assert.deepStrictEqual(yield* judge, [])
              const sql = yield* SqlClient.SqlClient
              yield* sql`insert into mcp.audit_events (event) values ('next')`
            }).pipe(Effect.provide(Layer.fresh(target)), Effect.scoped)
          }
        }).pipe(Effect.scoped),
      options
    )

    it.live(
      "is refused where it is damaged, too new, or would take something's place, and all is as it was",
      () =>
        Effect.gen(function* () {
          const folder = yield* temporaryFolder
          const [file, bad, now] = [join(folder, "a.gz"), join(folder, "bad.gz"), join(folder, "now.gz")]
          yield* inhabited
          yield* copyOf(file)
          const lines = linesOf(file)
          const row = lines.findIndex((line) => line.includes("ada@people.example"))
          const with_ = (index: number, line: string) => lines.with(index, line)
          const whole = { ...MOVE, isReplacing: true }
          const damaged: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
            ["it ends in the middle", lines.slice(0, -1)],
            ["it ends in the middle", lines.slice(0, row)],
            ["it ends in the middle", lines.toSpliced(row, 1)],
            ["it ends in the middle", with_(row, (lines[row] ?? "").replace("ada@", "eve@"))],
            ["it ends in the middle", with_(row, "half a row")],
            ["something follows its end", [...lines, "[]"]],
            ["it is no copy", lines.slice(1)],
            ["it is no copy", []],
            ["a newer version of Gatehouse made it", with_(0, (lines[0] ?? "").replace('"format":1', '"format":2'))]
          ]
          const refusal = (path: string, how: typeof MOVE) =>
            Effect.map(Effect.result(restore(path, how)), (result) =>
              Result.isFailure(result) ? result.failure.message : "it was restored"
            )
          for (const [words, text] of damaged) {
            writeFileSync(bad, gzipSync(`${text.join("\n")}\n`))
            assert.include(yield* refusal(bad, whole), words)
          }
          assert.include(yield* refusal(file, MOVE), "the database is not empty")
          yield* copyOf(now)
          assert.deepStrictEqual(contentOf(now), contentOf(file))

          // What a newer schema brings is not left out without a word.
          const sql = yield* SqlClient.SqlClient
          yield* sql`alter table mcp.people add column shoe_size text`
          yield* copyOf(bad)
          assert.include(yield* refusal(bad, whole), "knows no column people.shoe_size")
          yield* sql`insert into mcp.schema_migrations (version, name) values ('99990101000000', 'future')`
          yield* copyOf(bad)
          assert.include(yield* refusal(bad, whole), "newer version of Gatehouse (with migration 99990101000000)")
          assert.lengthOf(yield* sql`select shoe_size from mcp.people`, 1)
        }).pipe(Effect.provide(database), Effect.scoped),
      options
    )
  })
})

describe("a restore", () => {
  it.live(
    "ends what an old copy would revive, and says so in the events",
    () =>
      Effect.gen(function* () {
        const file = join(yield* temporaryFolder, "a.gz")
        yield* Effect.provide(Effect.andThen(inhabited, copyOf(file)), Layer.fresh(TestDatabase.pglite))
        yield* Effect.gen(function* () {
          const { ended } = yield* restore(file, { ...MOVE, keepsSessions: false })
          assert.strictEqual(ended, 1)
          const sql = yield* SqlClient.SqlClient
          const [left] = yield* sql`
          select (select count(*)::int from mcp.mcp_sessions where status = 'active') as sessions,
                 (select count(*)::int from mcp.oauth_access_tokens where revoked_at is null) as access,
                 (select count(*)::int from mcp.oauth_refresh_tokens where revoked_at is null
                    or sealed_successor is not null) as refresh,
                 (select count(*)::int from mcp.oauth_authorization_codes) as codes,
                 (select count(*)::int from mcp.browser_sessions) as browsers,
                 (select count(*)::int from mcp.links) as links,
                 (select count(*)::int from mcp.people) as people,
                 (select count(*)::int from mcp.audit_events where event = 'session_revoked') as told`
          assert.deepStrictEqual(left, {
            sessions: 0,
            access: 0,
            refresh: 0,
            codes: 0,
            browsers: 0,
            links: 0,
            people: 1,
            told: 1
          })
          assert.deepStrictEqual(yield* judge, [])
        }).pipe(Effect.provide(Layer.fresh(Database.layerMemoryUnmigrated)))
      }).pipe(Effect.scoped),
    options
  )
})
