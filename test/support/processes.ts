/** Which processes there are, by a mark in their environment: whatever started them, and whoever their parent is by now. */

import { readdirSync, readFileSync } from "node:fs"
import { Effect, Result, Schedule } from "effect"

const read = (path: string) =>
  Result.getOrElse(
    Result.try(() => readFileSync(path, "latin1")),
    () => ""
  )

/** A process that has ended, and whose parent has not asked how. */
const isZombie = (pid: string) => read(`/proc/${pid}/stat`).split(") ").at(-1)?.startsWith("Z") === true

/** The pids of those whose environment holds `name=value`. */
export const marked = (name: string, value: string): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => read(`/proc/${pid}/environ`).split("\u0000").includes(`${name}=${value}`) && !isZombie(pid))
    .map(Number)

/** The pids of those that a process has started itself. */
export const childrenOf = (pid: number): ReadonlyArray<number> =>
  readdirSync(`/proc/${pid}/task`)
    .flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).split(" "))
    .filter((child) => child.trim() !== "" && !isZombie(child))
    .map(Number)

/** Waits until it is so, for as long as a busy machine may need. */
export const until = (isSo: () => boolean, what: string) =>
  Effect.suspend(() => (isSo() ? Effect.void : Effect.fail(what))).pipe(
    Effect.retry({ schedule: Schedule.spaced("50 millis"), times: 800 }),
    Effect.orDie
  )

export const untilGone = (name: string, value: string) =>
  until(() => marked(name, value).length === 0, `processes with ${name}=${value} are still there`)
