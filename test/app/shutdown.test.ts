import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { freePort } from "../support/app.ts"
import { hammer, prober } from "../support/hammer.ts"
import { freshDatabaseUrl } from "../support/postgres.ts"
import { until } from "../support/processes.ts"
import { ready, run, said, start, temporaryFolder } from "../support/program.ts"

const options = { timeout: 300_000 }

/** Ends a server that has much to do, and holds what its clients saw of it to what was promised. */
const endedUnderLoad = Effect.fnUntraced(function* (settings: Readonly<Record<string, string>>) {
  const port = yield* freePort
  const program = yield* start("main.ts", { ...settings, PORT: String(port), LOG_LEVEL: "warn", MAX_DELAY_MS: "60000" })
  yield* ready(`http://127.0.0.1:${port}`, program)
  const { result, over } = yield* hammer({ port, kept: 12, fresh: 6, path: "/.well-known/oauth-authorization-server" })
  const { heard, over: told } = yield* prober(port)
  const probing = yield* Effect.forkChild(told)
  yield* until(() => result.answered > 300 && heard.length > 4, "the load does not begin")
  program.process.kill("SIGTERM")
  assert.strictEqual(yield* program.exited, 0)
  yield* over
  yield* Fiber.join(probing)
  return { result, heard }
})

/** A connection that stays: asks on it, and gives what came until an answer is whole or the connection is over. */
const keptConnection = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const socket = connect({ port, host: "127.0.0.1" })
      const closed = new Promise<void>((resolve) => void socket.on("error", () => {}).once("close", () => resolve()))
      const ask = (path: string) =>
        Effect.promise(async () => {
          const answered = new Promise<string>((resolve) => {
            socket.once("data", (chunk) => resolve(chunk.toString("latin1")))
          })
          socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
          return await Promise.race([answered, closed.then(() => "closed")])
        })
      return { socket, ask, closed: Effect.promise(() => closed) }
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

describe("SIGTERM under load", () => {
  it.live(
    "OP8 loses no request: all are answered, the last of each connection says so, and /readyz says no before anybody is refused",
    () =>
      Effect.gen(function* () {
        const { result, heard } = yield* endedUnderLoad({ DATA_DIR: yield* temporaryFolder })
        assert.deepStrictEqual(result.lost, [])
        assert.deepStrictEqual(Object.keys(result.statuses), ["200"])
        assert.isAtLeast(result.last, 12)
        // Whoever watches hears of it first, and then nobody is there.
        assert.deepStrictEqual([...new Set(heard)], [200, 503, 0])
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "OP8 loses none with WORKERS=2 either",
    () =>
      Effect.gen(function* () {
        const settings = { DATABASE_URL: yield* freshDatabaseUrl, WORKERS: "2" }
        assert.strictEqual((yield* run("app/programs/dbInit.ts", settings)).code, 0)
        const { result, heard } = yield* endedUnderLoad(settings)
        assert.deepStrictEqual(result.lost, [])
        assert.deepStrictEqual(Object.keys(result.statuses), ["200"])
        assert.isAtLeast(result.last, 12)
        assert.include(heard, 503)
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "OP8 keeps a connection that waits, when the last answer of another is given: what is on its way there is answered too",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const program = yield* start("main.ts", { PORT: String(port), DATA_DIR: yield* temporaryFolder })
        yield* ready(`http://127.0.0.1:${port}`, program)
        const waiting = yield* keptConnection(port)
        const other = yield* keptConnection(port)
        // Who asks twice whether it is ready watches, and has its time.
        for (const { ask } of [waiting, other]) assert.include(yield* ask("/readyz"), " 200 ")
        program.process.kill("SIGTERM")
        yield* said(program, /shutting down/)
        assert.include(yield* other.ask("/healthz"), "connection: close")
        yield* other.closed
        assert.include(yield* waiting.ask("/healthz"), " 200 ")
        assert.strictEqual(yield* program.exited, 0)
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "OP8 does not wait for anybody who watches where nobody does",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const program = yield* start("main.ts", { PORT: String(port), DATA_DIR: yield* temporaryFolder })
        yield* ready(`http://127.0.0.1:${port}`, program)
        program.process.kill("SIGTERM")
        yield* said(program, /shutting down/)
        assert.strictEqual(yield* program.exited, 0)
      }).pipe(Effect.scoped),
    options
  )
})
