import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Result } from "effect"
import { placeOf, serversOf, whereOf } from "../../src/config/databaseUrl.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"

const databaseOf = (DATABASE_URL: string) =>
  Effect.map(ServerConfig, ({ database }) => (database._tag === "Postgres" ? database : assert.fail("embedded"))).pipe(
    Effect.provide(ServerConfig.layerOf({ DATABASE_URL }))
  )

const HOSTS = ["db", "db-1.example", "127.0.0.1", "[::1]", "%2Fvar%2Frun"]
const PORTS = [undefined, 5432, 6543, 1, 65535]
const BEFORE = ["postgresql://", "postgres://ada@", "POSTGRES://ada:p%40s%2Cs,w:rd@x@"]
const AFTER = [
  "",
  "/",
  "/gatehouse",
  "/gatehouse?sslmode=verify-full&target_session_attrs=read-write",
  "?options=-c%20a=b,c"
]

/** All ways to choose one of each. */
const products = <A>(...lists: ReadonlyArray<ReadonlyArray<A>>): ReadonlyArray<ReadonlyArray<A>> =>
  lists.reduce<ReadonlyArray<ReadonlyArray<A>>>(
    (all, list) => all.flatMap((one) => list.map((item) => [...one, item])),
    [[]]
  )

describe("DATABASE_URL with several servers", () => {
  it("is, for each of them, the URL in which it stands alone; and one alone is what it was", () => {
    const names = products<string | number | undefined>(HOSTS, PORTS).map(([host, port]) =>
      port === undefined ? `${host}` : `${host}:${port}`
    )
    for (const [before, after] of products(BEFORE, AFTER)) {
      for (const [index, name] of names.entries()) {
        const named = [name, ...names.slice(0, index % 4)]
        const urls = Result.getOrThrow(serversOf(`${before}${named.join(",")}${after}`))
        assert.deepStrictEqual(
          urls.map(({ href }) => href),
          named.map((name) => new URL(`${before}${name}${after}`).href)
        )
      }
    }
  })

  it("is refused where a server is none, and where a standby is asked for: this server writes", () => {
    const wrong: Readonly<Record<string, RegExp>> = {
      "postgresql://u:p@h1,,h2/d": /each of its servers/,
      "postgresql://u:p@h1,h2,/d": /each of its servers/,
      "postgresql://u:p@h1,:5432/d": /each of its servers/,
      "postgresql://u:p@h1:x,h2/d": /each of its servers/,
      "postgresql://u:p@h1,h2:65536/d": /each of its servers/,
      "postgresql://u:p@h1, h2/d": /each of its servers/,
      "postgresql://h1,h2/d?host=/var/run": /either before the path or as host=/,
      "postgresql://h1,h2/d?target_session_attrs=standby": /any, read-write, primary/,
      "postgresql://h1/d?target_session_attrs=prefer-standby": /any, read-write, primary/,
      "mysql://h1,h2/d": /postgresql:\/\/ URL/,
      "postgresql:h1": /postgresql:\/\/ URL/,
      "postgresql://u:p@h 1/d": /postgresql:\/\/ URL/
    }
    for (const [uri, why] of Object.entries(wrong)) {
      const read = serversOf(uri)
      assert.match(Result.isFailure(read) ? read.failure : `it was taken: ${uri}`, why)
    }
  })

  it.effect("is followed where there are several, and where a leader is asked for", () =>
    Effect.gen(function* () {
      for (const [uri, isToBeFound] of [
        ["postgresql://h1/d", false],
        ["postgresql://h1/d?target_session_attrs=any", false],
        ["postgresql://h1/d?target_session_attrs=read-write", true],
        ["postgresql://h1/d?target_session_attrs=primary", true],
        ["postgresql://h1,h2/d", true],
        ["postgresql://h1,h2/d?target_session_attrs=any", true]
      ] as const) {
        assert.strictEqual((yield* databaseOf(uri)).isToBeFound, isToBeFound, uri)
      }
      const { urls, pooler } = yield* databaseOf("postgresql://u:p@h1:6543,[::1]:6543/d")
      assert.strictEqual(pooler, "transaction")
      assert.strictEqual(whereOf(Redacted.value(urls)), "h1:6543, [::1]:6543/d")
      assert.deepStrictEqual(placeOf(new URL("postgresql://%2Fvar%2Frun/d")), { host: "/var/run", port: 5432 })
    })
  )
})
