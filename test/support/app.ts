/** The whole server on a free port, over a database of the caller's choice. */

import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { App } from "../../src/app/app.ts"
import { Logging } from "../../src/app/logging.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { type Extension, ServerExtension } from "../../src/mcp/ServerExtension.ts"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import type { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import type { TokenStore } from "../../src/oauth/grants/TokenStore.ts"
import type { ServerKeys } from "../../src/oauth/tokens/ServerKeys.ts"
import * as Tools from "../../src/toolsets/builtin/builtin.ts"
import * as RealPostgres from "./realPostgres.ts"

export class TestApp extends Context.Service<
  TestApp,
  { readonly baseUrl: string; readonly port: number; readonly sql: SqlClient.SqlClient }
>()("test/TestApp") {}

/** A port that was free a moment ago. */
export const freePort = Effect.promise(RealPostgres.freePort)

/** Quiet, unlimited and without cleanup, unless a suite says otherwise. */
const DEFAULTS = { LOG_LEVEL: "none", ENABLE_CLEANUP_JOB: "false", RATE_LIMIT_ENABLED: "false" }

/** Starts the server for a suite; `demo` is its public client, `confidential` may be added by the suite. */
export const testApp = <E>(
  database: Layer.Layer<SqlClient.SqlClient, E>,
  variables: Readonly<Record<string, string>> = {},
  web: Layer.Layer<PublicWeb> = PublicWeb.layer,
  extension?: Extension
): Layer.Layer<TestApp | TokenStore | ClientRegistry | ServerKeys | ServerConfig | SqlClient.SqlClient, unknown> =>
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
      return Layer.provideMerge(app, App).pipe(
        Layer.provide(Tools.layer),
        Layer.provide(web),
        Layer.provide(Layer.succeed(ServerExtension, extension)),
        Layer.provideMerge(database),
        Layer.provideMerge(Logging),
        Layer.provideMerge(config)
      )
    })
  )
