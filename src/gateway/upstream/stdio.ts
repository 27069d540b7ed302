/**
 * A child that speaks MCP on its standard streams, as a transport for the SDK's client. The SDK's own leaves orphans: it ends the
 * program that it started, and not what that program started in turn (`npx` → shell → server). Here the whole group is ended:
 * stdin closes, two seconds later SIGTERM, two seconds later SIGKILL, and the session is over when nobody is left.
 */

import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client"
import { type Cause, Clock, Effect, Fiber, Latch, Queue, Result, Stream } from "effect"
import { ChildProcess } from "effect/process"
import type { Mount, Stdio } from "../mount.ts"
import { blotOf } from "./blot.ts"
import { commandOf, ownDirectory, type Surroundings } from "./directory.ts"
import { makeLines } from "./lines.ts"
import { makeOver, type Over } from "./over.ts"
import { HELD_BYTES, type StderrRing } from "./StderrRing.ts"
import type { Watchdog } from "./watchdog.ts"
import { within } from "./within.ts"

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024
/** What waits for a child that does not read: as many bytes, and then it is told nothing more. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024
const GRACE = "2 seconds"
/** What a child wrote before it ended is still read, but nobody waits for what its own children hold open. */
const LAST_WORDS = "250 millis"

export interface StdioTransport {
  readonly transport: Transport
  readonly pid: number
  /** Nothing more will come. */
  readonly over: Over
}

export interface StdioOptions {
  readonly surroundings: Surroundings
  readonly watchdog: Watchdog
  /** The lines of a mount. */
  readonly ringOf: (mount: string) => StderrRing
}

const parse = (text: string) => Result.getOrUndefined(Result.try((): unknown => JSON.parse(text)))

const isMessage = (value: unknown): value is JSONRPCMessage =>
  typeof value === "object" && value !== null && "jsonrpc" in value && value.jsonrpc === "2.0"

export const openStdio = Effect.fn("openStdio")(function* (
  mount: Mount & { readonly transport: Stdio },
  key: string,
  { surroundings, watchdog, ringOf }: StdioOptions
) {
  const clock = yield* Clock.Clock
  const directory = yield* ownDirectory(mount, key, surroundings)
  const { command, args, env, cwd } = commandOf(mount.transport, directory, surroundings)
  const blot = blotOf(mount)
  const ring = ringOf(mount.name)
  const over = makeOver()

  let group = 0
  yield* Effect.addFinalizer(() => watchdog.forget(group))

  const written = yield* Queue.unbounded<Uint8Array, Cause.Done>()
  let waiting = 0
  const child = yield* ChildProcess.make(command, args, {
    cwd,
    env,
    extendEnv: false,
    shell: false,
    stdin: {
      stream: Stream.map(Stream.fromQueue(written), (bytes) => {
        waiting -= bytes.length
        return bytes
      }),
      endOnDone: true
    },
    forceKillAfter: GRACE
  })
  group = child.pid
  yield* watchdog.watch(group, mount.keep ? undefined : directory)
  const exited = Effect.exit(child.exitCode)
  // Before the finalizer of the child itself, which ends the group with signals.
  yield* Effect.addFinalizer(() => Effect.andThen(Queue.end(written), within(exited, GRACE)))

  const log = (lines: ReadonlyArray<string>) =>
    Effect.forEach(lines, (line) => Effect.logInfo("a mounted server wrote", line), { discard: true }).pipe(
      Effect.annotateLogs({ mount: mount.name, pid: group })
    )
  let stray: Array<string> = []
  const aside = (line: Buffer) => {
    const logged = ring.add(line, blot, clock.currentTimeMillisUnsafe())
    if (logged !== undefined) stray.push(logged)
  }
  const flush = Effect.suspend(() => {
    if (stray.length === 0) return Effect.void
    const lines = stray
    stray = []
    return log(lines)
  })

  const listening = yield* Latch.make()
  const transport: Transport = {
    // Promises, since that is what the SDK's client asks of a transport.
    start: () => {
      listening.openUnsafe()
      return Promise.resolve()
    },
    send: (message) => {
      if (over.why() !== undefined) return Promise.reject(new Error("it is over"))
      const bytes = Buffer.from(`${JSON.stringify(message)}\n`)
      if (waiting + bytes.length > MAX_WAITING_BYTES)
        return Promise.reject(new Error("it does not read what it is sent"))
      waiting += bytes.length
      Queue.offerUnsafe(written, bytes)
      return Promise.resolve()
    },
    close: () => {
      over.end("was ended")
      return Promise.resolve()
    }
  }
  // Whatever somebody's handler throws is not the end of the session.
  const deliver = (message: JSONRPCMessage) => Result.try(() => transport.onmessage?.(message))
  const onLine = (line: Buffer, isCut: boolean) => {
    if (isCut || line.length === 0) return
    const value = parse(line.toString("utf8"))
    if (isMessage(value)) deliver(value)
    else if (Array.isArray(value)) {
      // A batch, as the revision of March 2025 has them.
      for (const message of value.filter(isMessage)) deliver(message)
    } else aside(line)
  }
  const takeOut = makeLines({
    maxBytes: MAX_MESSAGE_BYTES,
    onLine,
    onTooLong: () => over.end(`sent a message of more than ${MAX_MESSAGE_BYTES / 1024 / 1024} MiB, and was ended`)
  })
  const takeErr = makeLines({ maxBytes: HELD_BYTES, onLine: aside })

  const readOut = Stream.runForEachArray(child.stdout, (chunks) => {
    for (const chunk of chunks) takeOut(chunk)
    return stray.length === 0 ? Effect.void : flush
  }).pipe(listening.whenOpen, Effect.ignoreCause)
  const readErr = Stream.runForEachArray(child.stderr, (chunks) => {
    for (const chunk of chunks) takeErr(chunk)
    return flush
  }).pipe(Effect.ignoreCause)

  const reading = yield* Effect.forkScoped(readOut)
  yield* Effect.forkScoped(readErr)
  // Its own children may hold its stdout open when it is gone, and it may close stdout and stay: either is the end.
  yield* Effect.raceFirst(Fiber.await(reading), Effect.andThen(exited, Effect.sleep(LAST_WORDS))).pipe(
    Effect.andThen(Effect.sync(() => over.end("ended by itself"))),
    Effect.forkScoped
  )
  yield* over.wait.pipe(Effect.andThen(Effect.sync(() => transport.onclose?.())), Effect.forkScoped)
  return { transport, pid: group, over } satisfies StdioTransport
})
