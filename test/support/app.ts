/** The whole server on a free port, over a database of the caller's choice. */

import { Context, Effect, Layer, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { App } from "../../src/app/app.ts"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { Catalogue } from "../../src/gateway/catalogue/Catalogue.ts"
import { MountStatus } from "../../src/gateway/catalogue/MountStatus.ts"
import { MountsInUse } from "../../src/gateway/MountsInUse.ts"
import { Vault } from "../../src/gateway/vault/Vault.ts"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import type { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import type { TokenStore } from "../../src/oauth/grants/TokenStore.ts"
import type { SigningKeys } from "../../src/oauth/openid/SigningKeys.ts"
import type { AccessTokens } from "../../src/oauth/tokens/AccessTokens.ts"
import { ServerKeys } from "../../src/oauth/tokens/ServerKeys.ts"
import type { BrowserSessions } from "../../src/people/BrowserSessions.ts"
import type { People } from "../../src/people/People.ts"
import type { RecoveryStore } from "../../src/people/RecoveryStore.ts"
import type { UsageStore } from "../../src/telemetry/usage/UsageStore.ts"
import { BuiltinToolset } from "../../src/toolsets/builtin/builtin.ts"
import type { Toolset } from "../../src/toolsets/Toolset.ts"
import { TestDatabase } from "./postgres.ts"
import * as RealPostgres from "./realPostgres.ts"

export class TestApp extends Context.Service<
  TestApp,
  { readonly baseUrl: string; readonly port: number; readonly sql: SqlClient.SqlClient }
>()("test/TestApp") {}

/** A port that was free a moment ago. */
export const freePort = Effect.promise(RealPostgres.freePort)

/** Quiet, unlimited, in no hurry and without cleanup, unless a suite says otherwise. */
const DEFAULTS = {
  LOG_LEVEL: "none",
  ENABLE_CLEANUP_JOB: "false",
  RATE_LIMIT_ENABLED: "false",
  // However slow the machine: the loop is that of the test, too.
  MAX_DELAY_MS: "60000"
}

/** With `TEST_DATABASE=postgres`, suites over the embedded Postgres are over a database of their own in the real one. */
const chosen = <E>(database: Layer.Layer<SqlClient.SqlClient, E>) =>
  process.env.TEST_DATABASE === "postgres" && database === TestDatabase.pglite ? TestDatabase.quick : database

/** What the owner's page shows where there is no server behind this one. */
const NoMounts = Layer.mergeAll(
  Catalogue.layer,
  // Not the one of a suite that has mounts.
  Layer.fresh(Vault.layer).pipe(Layer.provide(ServerKeys.layer)),
  Layer.succeed(MountStatus, {
    mounts: () => [],
    sessions: Effect.succeed([]),
    stderr: () => Effect.succeed([]),
    restart: () => Effect.void,
    recheck: () => Effect.void
  })
).pipe(Layer.provideMerge(Layer.succeed(MountsInUse, { current: () => [], changes: Stream.empty })))

/** Starts the server for a suite; `demo` is its public client, `confidential` may be added by the suite. */
export const testApp = <E, More = never>(
  database: Layer.Layer<SqlClient.SqlClient, E>,
  variables: Readonly<Record<string, string>> = {},
  web: Layer.Layer<PublicWeb> = PublicWeb.layer,
  toolset?: Layer.Layer<Toolset | More, unknown, ServerConfig | PublicWeb | SqlClient.SqlClient>
): Layer.Layer<
  | TestApp
  | SigningKeys
  | People
  | BrowserSessions
  | RecoveryStore
  | TokenStore
  | AccessTokens
  | ClientRegistry
  | ServerKeys
  | UsageStore
  | ServerConfig
  | SqlClient.SqlClient
  | More,
  unknown
> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const port = yield* freePort
      const config = ServerConfig.layerOf({ ...DEFAULTS, PORT: String(port), ...variables })
      const app = Layer.effect(
        TestApp,
        Effect.gen(function* () {
          return { baseUrl: `http://localhost:${port}`, port, sql: yield* SqlClient.SqlClient }
        })
      )
      // Where none is given, there is no more.
      const tools = toolset ?? (BuiltinToolset as NonNullable<typeof toolset>)
      return Layer.provideMerge(app, App).pipe(
        Layer.provideMerge(tools),
        Layer.provide(NoMounts),
        Layer.provide(web),
        Layer.provideMerge(chosen(database)),
        Layer.provideMerge(Logging),
        Layer.provideMerge(config)
      )
    })
  )
