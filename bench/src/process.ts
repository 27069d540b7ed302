/** Processes under test: one core for the server, the other for the load and the database. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { connect } from "node:net"
import { fileURLToPath } from "node:url"
import { freePort } from "../../test/support/realPostgres.ts"

export const SERVER_CORE = 0
export const LOAD_CORE = 1

export const root = fileURLToPath(new URL("../../", import.meta.url))
export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Whether this machine has the two cores, and the program to stay on one. */
export const isPinned = (() => {
  try {
    execFileSync("taskset", ["-c", String(SERVER_CORE), "true"], { stdio: "ignore" })
    execFileSync("taskset", ["-c", String(LOAD_CORE), "true"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
})()

/** Both: what one server makes of them. */
export const ALL_CORES = `${SERVER_CORE},${LOAD_CORE}`

/** A command that stays on a core, or on a list of them. */
export const onCore = (core: number | string, command: string, args: ReadonlyArray<string>): [string, Array<string>] =>
  isPinned ? ["taskset", ["-c", String(core), command, ...args]] : [command, [...args]]

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })

export interface Server {
  readonly port: number
  readonly pid: number
  /** Resident memory in bytes, now and at its most. */
  readonly memory: () => number
  readonly peak: () => number
  /** Processor time so far, in seconds: what a run took that others could not disturb. */
  readonly cpu: () => number
  readonly stop: () => Promise<void>
}

const running = new Set<ChildProcess>()
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

/** Runs a program of the bench or of Gatehouse as a server, and waits until it listens. It stays on one core. */
export const serve = async (
  script: string,
  env: Readonly<Record<string, string>> = {},
  flags: ReadonlyArray<string> = [],
  cores = String(SERVER_CORE)
): Promise<Server> => {
  const port = await freePort()
  const [command, args] = onCore(cores, process.execPath, [...flags, script])
  const child = spawn(command, args, {
    cwd: root,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: process.env.HOME ?? "",
      NODE_ENV: "production",
      ...env,
      PORT: String(port)
    },
    stdio: ["ignore", "ignore", "pipe"]
  })
  running.add(child)
  let log = ""
  child.stderr?.on("data", (chunk) => {
    log = `${log}${chunk}`.slice(-4000)
  })
  let code: number | null | undefined
  const exited = new Promise<void>((resolve) =>
    child.once("exit", (status) => {
      code = status
      running.delete(child)
      resolve()
    })
  )
  while (!(await listens(port))) {
    if (code !== undefined) throw new Error(`${script} ended with ${code}:\n${log}`)
    await sleep(20)
  }
  const inBytes = (what: "VmRSS" | "VmHWM") => {
    const [line = ""] = readFileSync(`/proc/${child.pid}/status`, "utf8").match(`${what}:.*`) ?? []
    return Number.parseInt(line.slice(what.length + 1), 10) * 1024
  }
  return {
    port,
    pid: child.pid ?? 0,
    memory: () => inBytes("VmRSS"),
    peak: () => inBytes("VmHWM"),
    cpu: () => {
      // proc_pid_stat(5): utime and stime are the 14th and 15th field, in hundredths; the second may hold spaces.
      const [user, system] = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ").slice(11) ?? []
      return (Number(user) + Number(system)) / 100
    },
    stop: async () => {
      child.kill("SIGTERM")
      const killer = setTimeout(() => child.kill("SIGKILL"), 15_000)
      await exited
      clearTimeout(killer)
    }
  }
}

/** Runs a program to its end. */
export const run = (script: string, env: Readonly<Record<string, string>>) =>
  execFileSync(process.execPath, [...TSX, script], {
    cwd: root,
    env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...env },
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8"
  })

/** As `npm start` runs it. */
export const NODE = ["--import", "./src/boot.js"]
/** As `npx tsx` does. */
export const TSX = ["--import", "tsx"]
