import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { Reactivity } from "effect/reactivity"
import { freePort } from "../support/app.ts"
import { admitted, call, messageOf, refresh, revoke } from "../support/client.ts"
import { at, connectApp, setUp, signInAsAda } from "../support/connecting.ts"
import { checkedOut, git } from "../support/oldVersion.ts"
import { clientOf, freshDatabaseUrl } from "../support/postgres.ts"
import { ready, run, said, start } from "../support/program.ts"
import { takingTurns } from "../support/takingTurns.ts"

/** The commit before the newest migration; nothing where the history is not there, or does not reach so far. */
const before = Result.getOrElse(
  Result.try(() =>
    git("rev-parse", "--verify", `${git("log", "-1", "--diff-filter=A", "--format=%H", "--", "supabase/migrations")}^`)
  ),
  () => undefined
)

/** From an app that nobody knows to its revocation, each request at whoever is next. */
const wholeFlow = Effect.fn("test.wholeFlow")(function* (cookie: string) {
  let tokens = yield* connectApp(cookie)
  const { client_id } = tokens
  for (let turn = 0; turn < 5; turn++) {
    const next = yield* refresh(tokens.refresh_token, { client_id })
    assert.strictEqual(next.status, 200, next.text)
    tokens = { client_id, ...next.body }
    const answer = yield* call(tokens.access_token, "calculator", { expression: "6*7" })
    assert.strictEqual(messageOf(answer).result.structuredContent.result, "42")
  }
  assert.strictEqual((yield* revoke(tokens.refresh_token, { client_id })).status, 200)
  const refused = yield* refresh(tokens.refresh_token, { client_id })
  assert.strictEqual(refused.body.error, "invalid_grant")
  // Which may keep a token for a moment after the other ended it.
  yield* Effect.repeat(Effect.all([admitted(tokens.access_token), admitted(tokens.access_token)]), {
    until: (answers) => !answers.includes(true)
  })
})

/** As a newer version leaves it. */
const migratedByTheFuture = Effect.fnUntraced(function* (url: string) {
  const sql = yield* Effect.provide(clientOf(url, 1), Reactivity.layer)
  yield* sql`insert into mcp.schema_migrations (version, name) values ('99990101000000', 'future')`
})

describe("two versions side by side", () => {
  it.live.skipIf(before === undefined)(
    "the version before the newest migration goes on while the database is migrated, and shares it with the new one in whole flows (skipped where git knows no such version)",
    () =>
      Effect.gen(function* () {
        const startOld = yield* checkedOut(before ?? "")
        const [balancer, oldPort, newPort] = [yield* freePort, yield* freePort, yield* freePort]
        const baseUrl = `http://localhost:${balancer}`
        const on = at(balancer)
        const settings = {
          DATABASE_URL: yield* freshDatabaseUrl,
          BASE_URL: baseUrl,
          RATE_LIMIT_ENABLED: "false",
          DYNAMIC_REGISTRATION: "open"
        }

        const migrated = yield* startOld("app/programs/dbInit.ts", settings)
        assert.strictEqual(yield* migrated.exited, 0, migrated.output())
        const old = yield* startOld("main.ts", { ...settings, PORT: String(oldPort) })
        yield* ready(`http://localhost:${oldPort}`, old)
        const balancing = yield* takingTurns(balancer, [oldPort])
        const [, code = ""] = yield* said(old, /\/setup#(\S+)/)
        yield* on(setUp(code))
        const signIn = on(signInAsAda)
        yield* on(wholeFlow(yield* signIn))

        const { code: exit, output } = yield* run("app/programs/dbInit.ts", settings)
        assert.strictEqual(exit, 0, output)
        assert.match(output, /applied \d{14}_/)
        // What was there before goes on by itself,
        yield* on(wholeFlow(yield* signIn))
        // beside the new one,
        balancing.close()
        const program = yield* start("main.ts", { ...settings, PORT: String(newPort) })
        yield* ready(`http://localhost:${newPort}`, program)
        const both = yield* takingTurns(balancer, [oldPort, newPort])
        for (let flow = 0; flow < 3; flow++) yield* on(wholeFlow(yield* signIn))
        for (const port of [oldPort, newPort]) assert.isAtLeast(both.served[port] ?? 0, 20)
        // and the new one when the old one is gone.
        both.close()
        old.process.kill("SIGTERM")
        yield* old.exited
        yield* takingTurns(balancer, [newPort])
        yield* on(wholeFlow(yield* signIn))
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )

  it.live(
    "several that start at once on an older schema migrate it once, and one that is older than the schema starts and says so",
    () =>
      Effect.gen(function* () {
        const settings = { DATABASE_URL: yield* freshDatabaseUrl, LOG_LEVEL: "warn" }
        const runs = yield* Effect.all(
          Array.from({ length: 3 }, () => run("app/programs/dbInit.ts", settings)),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          runs.map(({ code }) => code),
          [0, 0, 0]
        )
        const outputs = runs.map(({ output }) => output)
        assert.lengthOf(
          outputs.filter((output) => /^applied \d{14}_/m.test(output)),
          1
        )
        assert.lengthOf(
          outputs.filter((output) => output.includes("the schema is up to date")),
          2
        )
        const future = yield* run("app/programs/dbCheck.ts", settings)
        assert.include(future.output, "up to date")
        yield* migratedByTheFuture(settings.DATABASE_URL)
        const port = yield* freePort
        const program = yield* start("main.ts", { ...settings, PORT: String(port) })
        yield* ready(`http://localhost:${port}`, program)
        assert.match(program.output(), /migrations that this version does not know[\s\S]*99990101000000/)
        assert.include((yield* run("app/programs/dbCheck.ts", settings)).output, "newer than this version")
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )
})
