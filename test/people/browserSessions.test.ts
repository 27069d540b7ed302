import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../src/app/app.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { BrowserSessions } from "../../src/people/BrowserSessions.ts"
import { People } from "../../src/people/People.ts"
import { somebody } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const BROWSER = { userAgent: "x".repeat(1000), address: "192.0.2.1" }
const Services = Stores.pipe(
  Layer.provideMerge(TestDatabase.quick),
  Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none" }))
)

layer(Services, { excludeTestServices: true, timeout: "60 seconds" })("browser sessions", (it) => {
  const begin = Effect.fnUntraced(function* (personId: string) {
    const begun = yield* (yield* BrowserSessions).begin(personId, "password", BROWSER)
    return begun ?? (yield* Effect.die(new Error("nobody was signed in")))
  })
  /** As if so much time had passed since it was used, or altogether. */
  const pass = Effect.fnUntraced(function* (id: string, time: string, isUsed: boolean) {
    const sql = yield* SqlClient.SqlClient
    yield* sql`
      update mcp.browser_sessions
      set created_at = created_at - ${time}::interval, expires_at = expires_at - ${time}::interval,
          last_used_at = case when ${isUsed}::boolean then clock_timestamp() else last_used_at - ${time}::interval end
      where id = ${id}`.pipe(Effect.orDie)
  })

  for (const [role, idle, absolute] of [
    ["member", "14 days", "90 days"],
    ["owner", "8 hours", "12 hours"]
  ] as const) {
    it.effect(
      `ASVS 7.1.1 7.3.1 7.3.2 ${role}: a browser is out after ${idle} without use, and ${absolute} in any case`,
      () =>
        Effect.gen(function* () {
          // Whoever comes first is an owner.
          if (!(yield* (yield* People).isSetUp)) yield* somebody("First")
          const person = yield* somebody(`A${role}`, role)
          const { find, list, confirm } = yield* BrowserSessions
          const isIn = (token: Redacted.Redacted) => Effect.map(find(token), (visit) => visit?.person.id === person.id)

          const unused = yield* begin(person.id)
          yield* pass(unused.session.id, idle, false)
          yield* pass(unused.session.id, "-1 minute", false)
          assert.isTrue(yield* isIn(unused.token))
          // That was a use, and the time begins anew.
          yield* pass(unused.session.id, "2 minutes", false)
          assert.isTrue(yield* isIn(unused.token))
          yield* pass(unused.session.id, idle, false)
          assert.isFalse(yield* isIn(unused.token))

          const used = yield* begin(person.id)
          yield* pass(used.session.id, absolute, true)
          yield* pass(used.session.id, "-1 minute", true)
          assert.isTrue(yield* isIn(used.token))
          // Who they are, proved anew, makes it no longer.
          const confirmed = yield* confirm(used.session.id, "password", BROWSER)
          assert.isTrue(yield* isIn(confirmed?.token ?? Redacted.make("")))
          yield* pass(used.session.id, "1 minute", true)
          assert.isFalse(yield* isIn(confirmed?.token ?? Redacted.make("")))

          for (const { session } of [unused, used]) assert.isUndefined(yield* confirm(session.id, "password", BROWSER))
          assert.isEmpty(yield* list(person.id))
        })
    )
  }

  it.effect(
    "ASVS 7.2.1 7.2.2 7.2.3 7.2.4 a token is 256 random bits, known to the server alone, as a hash, and new with every proof",
    () =>
      Effect.gen(function* () {
        const kim = yield* somebody("Kim", "member")
        const { find, confirm } = yield* BrowserSessions
        const [one, another] = [yield* begin(kim.id), yield* begin(kim.id)]
        const confirmed = yield* confirm(one.session.id, "password", BROWSER)
        const tokens = [one.token, another.token, confirmed?.token ?? Redacted.make("")]
        for (const token of tokens) {
          assert.match(Redacted.value(token), /^[\w-]{43}$/)
          assert.lengthOf(Buffer.from(Redacted.value(token), "base64url"), 32)
        }
        assert.lengthOf(new Set(tokens.map(Redacted.value)), 3)
        assert.isUndefined(yield* find(one.token))
        assert.isDefined(yield* find(another.token))
        assert.isUndefined(yield* find(Redacted.make("")))
        const sql = yield* SqlClient.SqlClient
        const rows =
          yield* sql`select to_json(b)::text as row, length(user_agent) as letters from mcp.browser_sessions b`.pipe(
            Effect.orDie
          )
        for (const { row } of rows) for (const token of tokens) assert.notInclude(String(row), Redacted.value(token))
        assert.strictEqual(rows[0]?.letters, 300)
      })
  )
})
