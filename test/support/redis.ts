/** A Redis of a test's own, which can be killed, started again and stopped in its tracks. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Redacted } from "effect"
import { freePort } from "./realPostgres.ts"

/** Whether there is one to try; a suite without it says that it was skipped. */
export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0

const exited = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) resume(Effect.void)
    else child.once("exit", () => resume(Effect.void))
  })

/** One that wants a password, on a free port, for the length of a scope; it is not running yet. */
export const redisServer = Effect.gen(function* () {
  const port = yield* Effect.promise(freePort)
  const home = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "gatehouse-redis-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  let running: ChildProcess | undefined

  const start = Effect.callback<void>((resume) => {
    const settings = { port, bind: "127.0.0.1", dir: home, save: "", requirepass: "open sesame" }
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
    const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] })
    running = child
    let log = ""
    child.stdout.on("data", (chunk) => {
      log += chunk
      if (log.includes("Ready to accept connections")) resume(Effect.void)
    })
    child.once("exit", () => resume(Effect.die(new Error(`redis-server did not start:\n${log}`))))
  })
  const kill = Effect.suspend(() => {
    if (running === undefined) return Effect.void
    running.kill("SIGKILL")
    return exited(running)
  })
  yield* Effect.addFinalizer(() => kill)

  return {
    url: `redis://:${encodeURIComponent("open sesame")}@127.0.0.1:${port}`,
    redacted: Redacted.make(`redis://:${encodeURIComponent("open sesame")}@127.0.0.1:${port}`),
    start,
    kill,
    /** Its connections stay, and nobody answers. */
    freeze: Effect.sync(() => running?.kill("SIGSTOP")),
    thaw: Effect.sync(() => running?.kill("SIGCONT"))
  }
})
