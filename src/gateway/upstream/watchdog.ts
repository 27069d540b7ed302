/**
 * What is left to end our children when we are killed and can end nothing: one small shell for all of them, in a group of its
 * own. It is told of each group on its stdin; when that closes, we are gone, and it ends the groups that it still knows of, and
 * removes the directories that would have gone with them.
 */

import { type Cause, Effect, Queue, Scope, Semaphore, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { within } from "./within.ts"

/** POSIX and nothing more. It hears no signal that was meant for us. */
const SCRIPT = `
trap '' TERM INT HUP QUIT
groups=' '
while read -r line directory; do
  group=\${line#?}
  case $line in
    +*) groups="$groups$group "; eval "directory_$group=\\$directory" ;;
    -*) case $groups in *" $group "*) groups="\${groups%%" $group "*} \${groups#*" $group "}" ;; esac ;;
  esac
done
[ "$groups" = ' ' ] && exit 0
for group in $groups; do kill -s TERM -- "-$group" 2>/dev/null; done
sleep 2
for group in $groups; do
  kill -s KILL -- "-$group" 2>/dev/null
  eval "directory=\\$directory_$group"
  [ -z "$directory" ] || rm -rf -- "$directory"
done
exit 0
`

export interface Watchdog {
  /** Ends this group if we are gone before it is. */
  readonly watch: (group: number, directory: string | undefined) => Effect.Effect<void>
  readonly forget: (group: number) => Effect.Effect<void>
}

interface Dog {
  readonly tell: Queue.Queue<Uint8Array, Cause.Done>
  readonly told: Set<number>
  isAlive: boolean
}

/** A path that is more than one line stays where it is. */
const line = (sign: "+" | "-", group: number, directory = "") =>
  Buffer.from(`${sign}${group} ${directory.includes("\n") ? "" : directory}\n`)

/** Started with the first child, and anew if something ended it. */
export const makeWatchdog = Effect.fn("makeWatchdog")(function* () {
  // Made now: what is started with the first child is ended after the last.
  const scope = yield* Scope.fork(yield* Effect.scope)
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const one = yield* Semaphore.make(1)
  const groups = new Map<number, string | undefined>()
  let dog: Dog | undefined
  let isMissing = false

  const start = Effect.gen(function* () {
    // Whoever waited for the other's start has it now.
    if (dog?.isAlive || isMissing) return
    const tell = yield* Queue.unbounded<Uint8Array, Cause.Done>()
    const own: Dog = { tell, told: new Set(), isAlive: true }
    const { exitCode } = yield* ChildProcess.make("/bin/sh", ["-c", SCRIPT], {
      cwd: "/",
      env: { PATH: "/usr/bin:/bin" },
      stdin: { stream: Stream.fromQueue(tell), endOnDone: true },
      stdout: "ignore",
      stderr: "ignore",
      forceKillAfter: "1 second"
    })
    const ended = Effect.exit(exitCode)
    // It hears no SIGTERM: it ends when its stdin does.
    yield* Effect.addFinalizer(() => Effect.andThen(Queue.end(tell), within(ended, "1 second")))
    yield* Effect.forkScoped(
      Effect.andThen(
        ended,
        Effect.sync(() => {
          own.isAlive = false
        })
      )
    )
    dog = own
  }).pipe(
    Effect.catchCause(() => {
      isMissing = true
      return Effect.logWarning(
        "there is no /bin/sh here: if this server is killed outright, children of mounts may stay"
      )
    }),
    one.withPermits(1),
    Scope.provide(scope),
    Effect.provideService(ChildProcessSpawner.ChildProcessSpawner, spawner)
  )

  /** What it was not told yet: of a group that began while it was started, or under the one before it. */
  const tellAll = () => {
    if (!dog?.isAlive) return
    for (const [group, directory] of groups) {
      if (!dog.told.has(group)) Queue.offerUnsafe(dog.tell, line("+", group, directory))
      dog.told.add(group)
    }
  }

  return {
    watch: (group, directory) =>
      Effect.suspend(() => {
        groups.set(group, directory)
        tellAll()
        return dog?.isAlive || isMissing ? Effect.void : Effect.andThen(start, Effect.sync(tellAll))
      }),
    forget: (group) =>
      Effect.sync(() => {
        groups.delete(group)
        if (dog?.told.delete(group) && dog.isAlive) Queue.offerUnsafe(dog.tell, line("-", group))
      })
  } satisfies Watchdog
})
