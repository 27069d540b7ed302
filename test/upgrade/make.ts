/**
 * `npm run upgrade:fixture [-- COMMIT]`: what a version leaves behind, for the versions after it to go on with: a copy of the database of
 * a server that was set up, signed in to and connected with, and what its person and its apps hold. To be run at each release.
 */

import { mkdirSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { copyTo } from "../../src/backup/copy.sql.ts"
import { inspect, writeWhole } from "../../src/backup/file.ts"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import * as Database from "../../src/database/connect.ts"
import { freePort } from "../support/app.ts"
import { refresh } from "../support/client.ts"
import { at, connectApp, setUp, signInAsAda } from "../support/connecting.ts"
import { checkedOut, git } from "../support/oldVersion.ts"
import { ready, said, temporaryFolder } from "../support/program.ts"

const FIXTURES = join(import.meta.dirname, "fixtures")
/** Where their tokens are good. */
const BASE_URL = "http://localhost:3000"

const make = Effect.fn("upgrade.make")(function* (commit: string) {
  const [port, folder, old] = [yield* freePort, yield* temporaryFolder, yield* checkedOut(commit)]
  const settings = { DATA_DIR: join(folder, "data"), PORT: String(port), BASE_URL, RATE_LIMIT_ENABLED: "false" }
  const server = yield* old("main.ts", settings)
  yield* ready(`http://localhost:${port}`, server)
  const [, code = ""] = yield* said(server, /\/setup#(\S+)/)
  const held = yield* Effect.gen(function* () {
    yield* setUp(code)
    const cookie = yield* signInAsAda
    const [fresh, refreshed] = [yield* connectApp(cookie), yield* connectApp(cookie)]
    const next = yield* refresh(refreshed.refresh_token, { client_id: refreshed.client_id })
    return { cookie, fresh, refreshed: { client_id: refreshed.client_id, ...next.body } }
  }).pipe(at(port))
  server.process.kill("SIGTERM")
  yield* server.exited

  mkdirSync(FIXTURES, { recursive: true })
  const unnamed = join(FIXTURES, "new.copy.gz")
  const { header } = yield* writeWhole(unnamed, (to, path) => Effect.andThen(copyTo(unnamed, to), inspect(path))).pipe(
    Effect.provide(Database.layerUnmigrated),
    Effect.provide(ServerConfig.layerOf(settings))
  )
  return { held, header, unnamed }
})

const program = Effect.gen(function* () {
  const commit = git("rev-parse", "--verify", process.argv[2] ?? "HEAD")
  const { held, header, unnamed } = yield* make(commit)
  const name = join(FIXTURES, header.migrations.at(-1) ?? "")
  renameSync(unnamed, `${name}.copy.gz`)
  writeFileSync(`${name}.json`, `${JSON.stringify({ at: header.at, base_url: BASE_URL, ...held }, undefined, 2)}\n`)
}).pipe(Effect.scoped)

NodeRuntime.runMain(program)
