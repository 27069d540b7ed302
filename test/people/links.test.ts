import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { Stores } from "../../src/app/app.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { LIFETIMES, type LinkKind } from "../../src/people/links.sql.ts"
import { People } from "../../src/people/People.ts"
import { somebody } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const NOBODY = { id: undefined, address: undefined }
const KINDS = ["setup", "invitation", "reset"] as const
const Services = Stores.pipe(
  Layer.provideMerge(TestDatabase.quick),
  Layer.provideMerge(ServerConfig.layerOf({ LOG_LEVEL: "none" }))
)

layer(Services, { excludeTestServices: true, timeout: "60 seconds" })("links", (it) => {
  const opens = (kind: LinkKind, code: Redacted.Redacted) =>
    Effect.flatMap(People, ({ look }) => Effect.isSuccess(look(kind, code)))
  /** As if so many seconds had passed. */
  const pass = Effect.fnUntraced(function* (seconds: number) {
    const sql = yield* SqlClient.SqlClient
    yield* sql`update mcp.links set expires_at = expires_at - make_interval(secs => ${seconds})`.pipe(Effect.orDie)
  })

  for (const [kind, seconds] of [
    ["setup", 3600],
    ["invitation", 7 * 86_400],
    ["reset", 1800]
  ] as const) {
    it.effect(
      `ASVS 6.4.1 6.5.4 6.5.5 one of ${kind} is 256 random bits, opens nothing else, and ends after ${seconds} s`,
      () =>
        Effect.gen(function* () {
          const people = yield* People
          const make = {
            setup: people.setupLink,
            invitation: people.invite("bob@people.example", "member", NOBODY),
            reset: Effect.flatMap(somebody("Ada"), ({ id }) => people.resetLink(id, NOBODY, "owner"))
          }[kind]
          const code = (yield* make) ?? Redacted.make("")
          assert.match(Redacted.value(code), /^[\w-]{43}$/)
          for (const other of KINDS) assert.strictEqual(yield* opens(other, code), other === kind)
          const sql = yield* SqlClient.SqlClient
          const [row] = yield* sql`select to_json(l)::text as row from mcp.links l`.pipe(Effect.orDie)
          assert.notInclude(String(row?.row), Redacted.value(code))

          assert.strictEqual(LIFETIMES[kind], seconds)
          yield* pass(seconds - 60)
          assert.isTrue(yield* opens(kind, code))
          yield* pass(60)
          assert.isFalse(yield* opens(kind, code))
          yield* sql`truncate mcp.links`.pipe(Effect.orDie)
        })
    )
  }
})
