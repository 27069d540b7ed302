/** A pgbouncer in front of the run's Postgres, for the length of a scope. It refuses to run as root, as Postgres does. */

import { spawn, spawnSync } from "node:child_process"
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { freePort, identity } from "./realPostgres.ts"

/** Debian's package puts it where only root looks. */
const BINARY = ["pgbouncer", "/usr/sbin/pgbouncer"].find((path) => spawnSync(path, ["--version"]).status === 0)

/** Whether there is one to try; a suite without it says that it was skipped. */
export const hasPgbouncer = BINARY !== undefined

export type Mode = "session" | "transaction"

/** The URL of the database at `url` through a pgbouncer with nothing set but its mode, and what else is asked for. */
export const pgbouncer = Effect.fn("test.pgbouncer")(function* (
  url: string,
  mode: Mode,
  further: Readonly<Record<string, string | number>> = {}
) {
  const target = new URL(url)
  const port = yield* Effect.promise(freePort)
  const home = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "gatehouse-pgbouncer-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const as = identity()
  const settings = join(home, "pgbouncer.ini")
  writeFileSync(join(home, "users.txt"), '"postgres" ""\n')
  writeFileSync(
    settings,
    `[databases]
* = host=${target.hostname} port=${target.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${join(home, "users.txt")}
pool_mode = ${mode}
${Object.entries(further)
  .map(([name, value]) => `${name} = ${value}\n`)
  .join("")}`
  )
  chmodSync(home, 0o755)
  if (as.uid !== undefined && as.gid !== undefined) chownSync(home, as.uid, as.gid)
  yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof spawn>>((resume) => {
      const child = spawn(BINARY ?? "pgbouncer", [settings], { ...as, cwd: home, stdio: ["ignore", "ignore", "pipe"] })
      // A run that is broken off closes no scope.
      process.once("exit", () => child.kill("SIGKILL"))
      let log = ""
      child.stderr.on("data", (chunk) => {
        log += chunk
        if (log.includes("process up")) resume(Effect.succeed(child))
      })
      child.once("exit", () => resume(Effect.die(new Error(`pgbouncer did not start:\n${log}`))))
    }),
    (child) =>
      Effect.callback<void>((resume) => {
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )
  target.port = String(port)
  return target.href
})
