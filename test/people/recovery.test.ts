import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../src/app/app.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { StoreUnavailable } from "../../src/database/query.ts"
import { format, parse, RecoveryStore } from "../../src/people/RecoveryStore.ts"
import { somebody } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const NOBODY = { id: undefined, address: undefined }
const ADDRESS = "192.0.2.1"

describe("a recovery code as it is typed", () => {
  for (const [what, typed, read] of [
    ["as it is shown", "01234-56789-ABCDE-FGHJK-MNPQR", "0123456789ABCDEFGHJKMNPQR"],
    ["small, with spaces", " 01234 56789 abcde fghjk mnpqr ", "0123456789ABCDEFGHJKMNPQR"],
    ["O for 0, I and l for 1", "OI234-56789-ABCDE-FGHJK-MNPQl", "0123456789ABCDEFGHJKMNPQ1"],
    ["too short", "01234-56789-ABCDE-FGHJK-MNPQ", undefined],
    ["too long", "01234-56789-ABCDE-FGHJK-MNPQRS", undefined],
    ["another letter", "01234-56789-ABCDE-FGHJK-MNPQU", undefined],
    ["nothing", "", undefined]
  ] as const) {
    it(`is read: ${what}`, () => {
      assert.strictEqual(parse(typed), read)
      if (read !== undefined) assert.strictEqual(parse(format(read)), read)
    })
  }
})

const Services = Stores.pipe(
  Layer.provideMerge(TestDatabase.quick),
  Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none" }))
)

layer(Services, { excludeTestServices: true, timeout: "60 seconds" })("recovery codes", (it) => {
  const renew = (id: string) => Effect.flatMap(RecoveryStore, (store) => store.renew(id, NOBODY))
  const spend = (id: string, code: Redacted.Redacted | undefined) =>
    Effect.flatMap(RecoveryStore, (store) =>
      store.spend(id, code ?? Redacted.make(""), ADDRESS, Effect.succeed("opened"))
    ).pipe(Effect.map((opened) => opened === "opened"))
  const left = (id: string) => Effect.flatMap(RecoveryStore, (store) => store.left(id))

  it.effect("a code is not used up when what it opens fails", () =>
    Effect.gen(function* () {
      const ada = yield* somebody("Ada of the outage")
      const [code = Redacted.make("")] = yield* renew(ada.id)
      const store = yield* RecoveryStore
      const outage = new StoreUnavailable({ cause: "the database went away" })
      const error = yield* Effect.flip(store.spend(ada.id, code, ADDRESS, Effect.fail(outage)))
      assert.strictEqual(error._tag, "StoreUnavailable")
      assert.strictEqual(yield* left(ada.id), 10)
      assert.isTrue(yield* spend(ada.id, code))
    })
  )

  it.effect("ASVS 6.5.1 6.5.2 6.5.4 are ten, each good once, for its person alone; 125 bits, kept as hashes", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* somebody("Ada"), yield* somebody("Bob", "member")]
      const codes = yield* renew(ada.id)
      yield* renew(bob.id)
      assert.lengthOf(new Set(codes.map(Redacted.value)), 10)
      for (const code of codes) {
        // Crockford's base 32: five bits a letter.
        assert.match(Redacted.value(code), /^([0-9A-HJKMNP-TV-Z]{5}-){4}[0-9A-HJKMNP-TV-Z]{5}$/)
        assert.isFalse(yield* spend(bob.id, code))
      }
      for (const [index, code] of codes.entries()) {
        assert.isTrue(yield* spend(ada.id, code))
        assert.isFalse(yield* spend(ada.id, code))
        assert.strictEqual(yield* left(ada.id), 9 - index)
      }
      assert.strictEqual(yield* left(bob.id), 10)
      const sql = yield* SqlClient.SqlClient
      const told = yield* sql`
        select event, count(*)::int as times from mcp.audit_events
        where person_id = ${ada.id} and event like 'recovery%' group by event order by event`.pipe(Effect.orDie)
      assert.deepStrictEqual(told, [
        { event: "recovery_code_used", times: 10 },
        { event: "recovery_codes_made", times: 1 }
      ])
    })
  )

  it.effect("ASVS 6.5.1 of fifty who use one code at once one has it", () =>
    Effect.gen(function* () {
      const eve = yield* somebody("Eve", "member")
      const [code] = yield* renew(eve.id)
      const all = yield* Effect.all(
        Array.from({ length: 50 }, () => spend(eve.id, code)),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(all.filter(Boolean), 1)
      assert.strictEqual(yield* left(eve.id), 9)
    })
  )

  it.effect("ASVS 6.5.1 a new set takes the place of the one before", () =>
    Effect.gen(function* () {
      const kim = yield* somebody("Kim", "member")
      const before = yield* renew(kim.id)
      yield* spend(kim.id, before[0])
      const [now] = yield* renew(kim.id)
      assert.strictEqual(yield* left(kim.id), 10)
      for (const code of before) assert.isFalse(yield* spend(kim.id, code))
      assert.isTrue(yield* spend(kim.id, now))
    })
  )
})
