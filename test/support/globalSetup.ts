/**
 * One real Postgres for the whole run: the one that TEST_DATABASE_URL names, or one that is started and ended here. With
 * TEST_POOLER there is a pgbouncer before it, in this mode.
 */

import { randomBytes } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { Effect, Exit, Redacted, Scope } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import type { TestProject } from "vitest/node"
import { migrate } from "../../src/database/migrations.sql.ts"
import { type Mode, pgbouncer } from "./pgbouncer.ts"
import { pastThePooler } from "./pooled.ts"
import { startPostgres } from "./realPostgres.ts"

declare module "vitest" {
  interface ProvidedContext {
    readonly postgresUrl: string
    /** The way through the pooler, where there is one. */
    readonly pooled: { readonly mode: Mode; readonly url: string } | undefined
    /** A migrated database that nobody is connected to: a copy of it is there in no time. */
    readonly template: string
  }
}

const onDatabase = <A, E>(url: string, effect: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Effect.gen(function* () {
    const client = yield* PgClient.make({ url: Redacted.make(url), maxConnections: 1 })
    return yield* Effect.provideService(effect, SqlClient.SqlClient, client)
  }).pipe(Effect.scoped, Effect.provide(Reactivity.layer), Effect.runPromise)

const modeOf = (pooler: string | undefined): Mode | undefined => {
  if (pooler === undefined || pooler === "session" || pooler === "transaction") return pooler
  throw new Error("TEST_POOLER must be session or transaction")
}

export default async ({ provide }: TestProject) => {
  const given = process.env.TEST_DATABASE_URL
  const mode = modeOf(process.env.TEST_POOLER)
  const postgres = given ? { url: given, stop: async () => undefined } : await startPostgres()
  const template = `gatehouse_template_${randomBytes(6).toString("hex")}`
  const url = new URL(postgres.url)
  url.pathname = `/${template}`
  const run = (statement: string) =>
    onDatabase(
      postgres.url,
      SqlClient.SqlClient.use((sql) => sql.unsafe(statement))
    )
  await run(`create database ${template}`)
  await onDatabase(url.href, migrate)
  const scope = Scope.makeUnsafe()
  if (mode !== undefined) {
    // As many as a suite keeps at once: in session mode each client has one for itself.
    const through = pgbouncer(postgres.url, mode, { default_pool_size: 80, max_client_conn: 1000 })
    provide("pooled", { mode, url: await through.pipe(Scope.provide(scope), Effect.runPromise) })
    console.log(`through pgbouncer in ${mode} mode, all but:`)
    for (const [file, why] of Object.entries(pastThePooler(mode))) console.log(`  ${file}: ${why}`)
  } else provide("pooled", undefined)
  provide("postgresUrl", postgres.url)
  provide("template", template)
  return async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    if (given) await run(`drop database ${template}`)
    await postgres.stop()
  }
}
