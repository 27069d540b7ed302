import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { restore } from "../../src/backup/restore.sql.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import * as Database from "../../src/database/connect.ts"
import { known, pending } from "../../src/database/migrations.sql.ts"
import { freePort } from "../support/app.ts"
import { call, messageOf, refresh, request } from "../support/client.ts"
import { at, connectApp, signInAsAda } from "../support/connecting.ts"
import { freshDatabaseUrl } from "../support/postgres.ts"
import { ready, run, start, temporaryFolder } from "../support/program.ts"

const FIXTURES = join(import.meta.dirname, "fixtures")
const App = Schema.Struct({ client_id: Schema.String, access_token: Schema.String, refresh_token: Schema.String })
const Held = Schema.Struct({
  at: Schema.String,
  base_url: Schema.String,
  cookie: Schema.String,
  fresh: App,
  refreshed: App
})
const decodeHeld = Schema.decodeUnknownSync(Schema.fromJsonString(Held))

const versions = readdirSync(FIXTURES).flatMap((file) => /^(\d{14})\.json$/.exec(file)?.[1] ?? [])

/** The database of then, on the schema of then, as if it had been left a minute ago: tokens expire, and fixtures do not. */
const left = Effect.fn("test.left")(function* (version: string, settings: Readonly<Record<string, string>>) {
  const held = decodeHeld(readFileSync(join(FIXTURES, `${version}.json`), "utf8"))
  yield* Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* restore(join(FIXTURES, `${version}.copy.gz`), { isReplacing: false, keepsSessions: true, migrates: false })
    const moments = yield* sql<{ table: string; column: string }>`
      select table_name as "table", column_name as "column" from information_schema.columns
      where table_schema = 'mcp' and data_type = 'timestamp with time zone'`
    for (const { table, column } of moments) {
      const moment = sql(column)
      yield* sql`
        update ${sql(`mcp.${table}`)}
        set ${moment} = ${moment} + (clock_timestamp() - interval '1 minute' - ${held.at}::timestamptz)`
    }
    assert.lengthOf(yield* pending, known.filter((migration) => migration.version > version).length)
  }).pipe(Effect.provide(Database.layerUnmigrated), Effect.provide(ServerConfig.layerOf(settings)), Effect.orDie)
  return held
})

/** A server of today goes on with what is there. */
const goesOn = Effect.fn("test.goesOn")(function* (
  settings: Readonly<Record<string, string>>,
  { base_url, cookie, fresh, refreshed }: typeof Held.Type
) {
  const port = yield* freePort
  const program = yield* start("main.ts", {
    ...settings,
    PORT: String(port),
    BASE_URL: base_url,
    RATE_LIMIT_ENABLED: "false",
    MAX_DELAY_MS: "60000"
  })
  yield* ready(`http://localhost:${port}`, program)
  yield* Effect.gen(function* () {
    const calls = Effect.fnUntraced(function* (token: string) {
      const answer = yield* call(token, "calculator", { expression: "6*7" })
      assert.strictEqual(messageOf(answer).result.structuredContent.result, "42")
    })
    for (const { client_id, access_token, refresh_token } of [fresh, refreshed]) {
      yield* calls(access_token)
      const next = yield* refresh(refresh_token, { client_id })
      assert.strictEqual(next.status, 200, next.text)
      yield* calls(next.body.access_token)
    }
    // The browser of then is signed in still,
    assert.strictEqual((yield* request("/account", { headers: { cookie } })).status, 200)
    // and another one is with the password.
    yield* calls((yield* connectApp(yield* signInAsAda)).access_token)
  }).pipe(at(port))
})

describe.each(versions)("an upgrade from %s", (version) => {
  it.live(
    "the data directory is migrated by the start, and sessions, browsers and the password are good as before",
    () =>
      Effect.gen(function* () {
        const settings = { DATA_DIR: join(yield* temporaryFolder, "data") }
        yield* goesOn(settings, yield* left(version, settings))
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )

  it.live(
    "Postgres is migrated by db:init, and sessions, browsers and the password are good as before",
    () =>
      Effect.gen(function* () {
        const settings = { DATABASE_URL: yield* freshDatabaseUrl }
        const held = yield* left(version, settings)
        const { code, output } = yield* run("app/programs/dbInit.ts", settings)
        assert.strictEqual(code, 0, output)
        yield* goesOn(settings, held)
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )
})
