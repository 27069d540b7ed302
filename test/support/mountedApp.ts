/** The whole server with other servers behind it, as a gatehouse.json describes them. */

import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Context, Effect, Layer } from "effect"
import type { SqlClient } from "effect/sql"
import { Catalogue } from "../../src/gateway/catalogue/Catalogue.ts"
import { Gateway } from "../../src/gateway/offer/Gateway.ts"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import { ServerKeys } from "../../src/oauth/tokens/ServerKeys.ts"
import { BuiltinToolset } from "../../src/toolsets/builtin/builtin.ts"
import { testApp } from "./app.ts"
import { messageOf, postForm, rpc } from "./client.ts"
import { newCode } from "./grants.ts"
import { TestDatabase } from "./postgres.ts"
import { temporaryFolder } from "./program.ts"

const BIN = join(import.meta.dirname, "../../node_modules/.bin")

/** A server of the protocol's project, as an entry of the file. */
export const entryOf = (
  server: "everything" | "filesystem" | "memory" | "sequential-thinking",
  args: ReadonlyArray<string> = [],
  more: object = {}
) => ({ command: join(BIN, `mcp-server-${server}`), args, ...more })

/** What stands in the file, and where it is. */
export class Mounting extends Context.Service<
  Mounting,
  { readonly folder: string; readonly write: (servers: object) => void }
>()("test/Mounting") {}

export const mountedApp = (
  servers: (folder: string) => object,
  variables: Readonly<Record<string, string>> = {},
  web: Layer.Layer<PublicWeb> = PublicWeb.layer,
  database: Layer.Layer<SqlClient.SqlClient, unknown> = TestDatabase.quick
) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const GATEHOUSE_FILE = join(folder, "gatehouse.json")
      const write = (servers: object) => writeFileSync(GATEHOUSE_FILE, JSON.stringify({ mcpServers: servers }))
      write(servers(folder))
      const gateway = Gateway.pipe(Layer.provide(ServerKeys.layer), Layer.provide(BuiltinToolset))
      return Layer.merge(
        Layer.succeed(Mounting, { folder, write }),
        testApp(database, { GATEHOUSE_FILE, DATA_DIR: folder, ...variables }, web, gateway)
      )
    })
  )

/** Waits until something is so: it takes as long as it takes. */
export const until = <A, E, R>(look: Effect.Effect<A | undefined | false, E, R>) =>
  Effect.gen(function* () {
    for (;;) {
      const found = yield* look
      if (found !== undefined && found !== false) return found
      yield* Effect.sleep("20 millis")
    }
  })

/** Waits until the catalogue knows what these offer. */
export const known = (...mounts: ReadonlyArray<string>) =>
  Effect.flatMap(Catalogue, ({ current }) =>
    until(Effect.sync(() => mounts.every((mount) => current().entries.has(mount))))
  )

/** A token of somebody's for the demo client, with all that the mounts need. */
export const tokenOf = Effect.fn("test.tokenOf")(function* (
  subject: string,
  scopes: ReadonlyArray<string> = ["mcp.tools.call"]
) {
  const form = yield* newCode("demo", subject, scopes)
  const { body } = yield* postForm("/token", [...form, ["client_id", "demo"]])
  return String(body.access_token)
})

/** The result of a call. */
export const resultOf = (token: string, name: string, args: object = {}, headers: Record<string, string> = {}) =>
  Effect.map(rpc(token, "tools/call", { name, arguments: args }, headers), (answer) => messageOf(answer).result)
