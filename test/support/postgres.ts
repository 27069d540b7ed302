/** Databases for suites: an embedded one in memory, and a fresh one in the run's real Postgres. */

import { randomBytes } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import { expect, inject } from "vitest"
import * as Database from "../../src/database/connect.ts"
import { migrate } from "../../src/database/migrations.sql.ts"
import { pastThePooler } from "./pooled.ts"

/** The pooler that this suite goes through, if any; what is no suite, as the torture, goes through none. */
const pooler = () => {
  if (process.env.VITEST === undefined) return undefined
  const pooled = inject("pooled")
  const file = expect.getState().testPath ?? ""
  const isPast = Object.keys(pooled === undefined ? {} : pastThePooler(pooled.mode)).some((name) =>
    file.endsWith(`/test/${name}`)
  )
  return isPast ? undefined : pooled
}

export const clientOf = (url: string, maxConnections = 10, further: PgClient.PgPoolConfig = {}) =>
  PgClient.make({ url: Redacted.make(url), maxConnections, prepare: pooler()?.mode !== "transaction", ...further })

/** The same for suites that make their database themselves. */
export const clientLayer = (...given: Parameters<typeof clientOf>) => PgClient.layerFrom(clientOf(...given))

/** The URL of a new database in the real Postgres, dropped with the scope: empty, or a copy of `template`. */
const newDatabaseUrl = Effect.fn("newDatabaseUrl")(
  function* (template: string) {
    const name = `gatehouse_${randomBytes(6).toString("hex")}`
    const admin = yield* clientOf(inject("postgresUrl"), 1)
    yield* Effect.acquireRelease(admin.unsafe(`create database ${name} template ${template}`), () =>
      Effect.orDie(admin.unsafe(`drop database ${name} with (force)`))
    )
    const url = new URL(pooler()?.url ?? inject("postgresUrl"))
    url.pathname = `/${name}`
    return url.href
  },
  Effect.provide(Reactivity.layer),
  Effect.orDie
)

export const freshDatabaseUrl = newDatabaseUrl("template1")
/** The same, migrated. */
export const migratedDatabaseUrl = Effect.suspend(() => newDatabaseUrl(inject("template")))

const postgres = Layer.effectDiscard(migrate).pipe(
  Layer.provideMerge(PgClient.layerFrom(Effect.flatMap(freshDatabaseUrl, (url) => clientOf(url)))),
  Layer.orDie
)

/** For suites that only need a database, and many of them: nothing is quicker. */
const quick = Layer.orDie(PgClient.layerFrom(Effect.flatMap(migratedDatabaseUrl, (url) => clientOf(url))))

export const TestDatabase = {
  pglite: Layer.orDie(Database.layerMemory),
  postgres: Layer.fresh(postgres),
  quick: Layer.fresh(quick)
}

/** The same suite on both. */
export const onBothDatabases = (
  suite: (name: "PGlite" | "Postgres", database: typeof TestDatabase.pglite) => void
): void => {
  suite("PGlite", TestDatabase.pglite)
  suite("Postgres", TestDatabase.postgres)
}
