/** One real Postgres for the whole run: the one that TEST_DATABASE_URL names, or one that is started and ended here. */

import { randomBytes } from "node:crypto"
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import type { TestProject } from "vitest/node"
import { migrate } from "../../src/database/migrations.sql.ts"
import { startPostgres } from "./realPostgres.ts"

declare module "vitest" {
  interface ProvidedContext {
    readonly postgresUrl: string
    /** A migrated database that nobody is connected to: a copy of it is there in no time. */
    readonly template: string
  }
}

const onDatabase = <A, E>(url: string, effect: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Effect.gen(function* () {
    const client = yield* PgClient.make({ url: Redacted.make(url), maxConnections: 1 })
    return yield* Effect.provideService(effect, SqlClient.SqlClient, client)
  }).pipe(Effect.scoped, Effect.provide(Reactivity.layer), Effect.runPromise)

export default async ({ provide }: TestProject) => {
  const given = process.env.TEST_DATABASE_URL
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
  provide("postgresUrl", postgres.url)
  provide("template", template)
  return async () => {
    if (given) await run(`drop database ${template}`)
    await postgres.stop()
  }
}
