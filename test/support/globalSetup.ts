/** One real Postgres for the whole run: the one that TEST_DATABASE_URL names, or one that is started and ended here. */

import type { TestProject } from "vitest/node"
import { startPostgres } from "./realPostgres.ts"

declare module "vitest" {
  interface ProvidedContext {
    readonly postgresUrl: string
  }
}

export default async ({ provide }: TestProject) => {
  const given = process.env.TEST_DATABASE_URL
  if (given) return provide("postgresUrl", given)
  const postgres = await startPostgres()
  provide("postgresUrl", postgres.url)
  return postgres.stop
}
