/** Postgres under Patroni: two nodes with synchronous replication, and an etcd that says which of them leads. From Debian's packages. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { freePort, identity } from "../support/realPostgres.ts"

const BINARIES = "/usr/lib/postgresql"
const [newest] = existsSync(BINARIES) ? readdirSync(BINARIES).toSorted((one, other) => Number(other) - Number(one)) : []

/** Whether there is all that it takes. */
export const hasPatroni =
  newest !== undefined && ["patroni", "etcd"].every((command) => spawnSync(command, ["--version"]).status === 0)

/** Seconds after which a leader that is not heard of is one no more: the least that Patroni takes. */
export const TTL = 20

interface Member {
  readonly name: string
  readonly role: string
  readonly state: string
}

export interface Node {
  readonly name: string
  readonly port: number
  /** Everything of it ends at once, as when its machine loses power. */
  readonly kill: () => Promise<void>
  /** Postgres alone, under a Patroni that goes on. */
  readonly killPostgres: () => void
  readonly start: () => void
}

const gone = (child: ChildProcess | undefined) =>
  new Promise<void>((resolve) => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once("exit", () => resolve())
  })

/** Processes that are at work in a folder: the postmaster, whose id it keeps there, and its children. */
const postgresIn = (data: string): ReadonlyArray<number> => {
  const file = join(data, "postmaster.pid")
  if (!existsSync(file)) return []
  const postmaster = Number(readFileSync(file, "utf8").split("\n")[0])
  const children = spawnSync("pgrep", ["-P", String(postmaster)], { encoding: "utf8" })
    .stdout.trim()
    .split("\n")
  return [postmaster, ...children.filter((pid) => pid !== "").map(Number)]
}

const killAll = (pids: ReadonlyArray<number>) => {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL")
    } catch {
      // It was gone.
    }
  }
}

export const patroni = Effect.fn("torture.patroni")(function* () {
  const home = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "gatehouse-patroni-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const as = identity()
  const owned = (path: string) => {
    if (as.uid !== undefined && as.gid !== undefined) chownSync(path, as.uid, as.gid)
  }
  chmodSync(home, 0o755)
  owned(home)
  const env = { PATH: process.env.PATH ?? "", LC_ALL: "C", TZ: "UTC", HOME: home }
  const run = (command: string, args: ReadonlyArray<string>) =>
    spawn(command, args, { ...as, env, cwd: home, stdio: "ignore" })
  const port = Effect.promise(freePort)

  const [client, peer] = [yield* port, yield* port]
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const urls = { client: `http://127.0.0.1:${client}`, peer: `http://127.0.0.1:${peer}` }
      return run("etcd", [
        ...["--data-dir", join(home, "etcd"), "--unsafe-no-fsync", "--name", "one"],
        ...["--listen-client-urls", urls.client, "--advertise-client-urls", urls.client],
        ...["--listen-peer-urls", urls.peer, "--initial-advertise-peer-urls", urls.peer],
        ...["--initial-cluster", `one=${urls.peer}`]
      ])
    }),
    (etcd) =>
      Effect.promise(() => {
        etcd.kill("SIGKILL")
        return gone(etcd)
      })
  )

  const node = Effect.fnUntraced(function* (name: string) {
    const [own, rest] = [yield* port, yield* port]
    const data = join(home, name)
    const settings = join(home, `${name}.json`)
    const trust = ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
    // JSON is YAML.
    writeFileSync(
      settings,
      JSON.stringify({
        scope: "gatehouse",
        name,
        etcd3: { host: `127.0.0.1:${client}` },
        restapi: { listen: `127.0.0.1:${rest}`, connect_address: `127.0.0.1:${rest}` },
        bootstrap: {
          dcs: {
            ttl: TTL,
            loop_wait: 1,
            retry_timeout: 3,
            synchronous_mode: true,
            // A leader whose Postgres has died is followed at once, and not started again first.
            primary_start_timeout: 0,
            postgresql: { use_pg_rewind: true, parameters: { max_connections: 100, fsync: "off" } }
          },
          initdb: [{ encoding: "UTF8" }, { locale: "C" }, "data-checksums"]
        },
        postgresql: {
          listen: `127.0.0.1:${own}`,
          connect_address: `127.0.0.1:${own}`,
          data_dir: data,
          bin_dir: join(BINARIES, newest ?? "", "bin"),
          pgpass: join(home, `${name}.pass`),
          pg_hba: trust,
          parameters: { unix_socket_directories: home },
          authentication: { superuser: { username: "postgres" }, replication: { username: "postgres" } }
        }
      })
    )
    let child: ChildProcess | undefined
    const kill = async () => {
      child?.kill("SIGKILL")
      await gone(child)
      killAll(postgresIn(data))
    }
    const start = () => {
      child = run("patroni", [settings])
    }
    yield* Effect.acquireRelease(Effect.sync(start), () => Effect.promise(kill))
    const cluster = async (): Promise<ReadonlyArray<Member>> => {
      const answer = await fetch(`http://127.0.0.1:${rest}/cluster`, { signal: AbortSignal.timeout(2000) })
      return (await answer.json()).members
    }
    return { name, port: own, kill, killPostgres: () => killAll(postgresIn(data)), start, cluster }
  })
  const nodes = [yield* node("one"), yield* node("two")]

  const members = Effect.promise(async (): Promise<ReadonlyArray<Member>> => {
    for (const { cluster } of nodes) {
      const found = await cluster().catch(() => [])
      if (found.length > 0) return found
    }
    return []
  })

  /** Who leads, once a standby follows that has all that is acknowledged. */
  const whole = Effect.gen(function* () {
    for (;;) {
      const all = yield* members
      const leader = nodes.find(({ name }) =>
        all.some((member) => member.name === name && member.role === "leader" && member.state === "running")
      )
      if (leader !== undefined && all.some(({ role }) => role === "sync_standby")) return leader
      yield* Effect.sleep("200 millis")
    }
  })

  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")
  return {
    url: `postgresql://postgres@${hosts}/postgres?sslmode=disable&target_session_attrs=read-write`,
    nodes,
    members,
    whole
  }
})
