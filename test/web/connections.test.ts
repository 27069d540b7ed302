import { createServer } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { capsOf, watchConnections } from "../../src/web/connections.ts"
import { freePort } from "../support/app.ts"
import { ready, said, start, temporaryFolder } from "../support/program.ts"

const open = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      // A connection that is refused at once may be closed before it is of any use.
      const socket = connect(port, "127.0.0.1").on("error", () => {})
      socket.once("connect", () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )
const ended = (socket: Socket) =>
  Effect.callback<void>((resume) => {
    if (socket.closed) return resume(Effect.void)
    socket.resume().once("close", () => resume(Effect.void))
  })
/** Sends, and answers all that comes back until `pattern` is in it. */
const exchanged = (socket: Socket, text: string, pattern: RegExp) =>
  Effect.callback<string>((resume) => {
    let received = ""
    socket.on("data", (chunk) => {
      received += chunk
      if (pattern.test(received)) resume(Effect.succeed(received))
    })
    socket.once("close", () => resume(Effect.succeed(received)))
    socket.write(text)
  })

/** A server whose `/slow` is answered when `release` says so; two connections of an address may wait. */
const watched = Effect.fn("test.watched")(function* (isExempt = false) {
  const told: Array<string> = []
  const release = yield* Deferred.make<void>()
  const begun = yield* Deferred.make<void>()
  const server = createServer((request, response) => {
    if (request.url !== "/slow") return void response.setHeader("content-length", 5).end("quick")
    Deferred.doneUnsafe(begun, Effect.void)
    Effect.runFork(
      Effect.andThen(
        Deferred.await(release),
        Effect.sync(() => response.end("slow"))
      )
    )
  })
  const { came } = watchConnections(
    server,
    { most: undefined, ofAddress: 2 },
    () => isExempt,
    (what) => told.push(what)
  )
  server.prependListener("request", came)
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.sync(() => void server.close())
  )
  return { port: (server.address() as AddressInfo).port, told, release, begun }
})

const GET = (path: string) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`

describe("connections", () => {
  it("B23 a process with few descriptors keeps some for itself, and three quarters of the rest for others", () => {
    assert.deepStrictEqual(capsOf(512, 10), { most: 256, ofAddress: 64 })
    assert.deepStrictEqual(capsOf(20_000, 10), { most: 19_734, ofAddress: 4096 })
    assert.deepStrictEqual(capsOf(undefined, 10), { most: undefined, ofAddress: 4096 })
  })

  it.live("B23 beyond the cap of an address the oldest connection that only waits is ended, and told of", () =>
    Effect.gen(function* () {
      const { port, told, release, begun } = yield* watched()
      const busy = yield* open(port)
      const answer = yield* Effect.forkChild(exchanged(busy, GET("/slow"), /slow$/))
      yield* Deferred.await(begun)
      const half = yield* open(port)
      half.write("POST /slow HTTP/1.1\r\nhost: x\r\ncontent-le")
      const third = yield* open(port)
      // What asks is answered; what waits, be it in the middle of its headers, makes room.
      yield* ended(half)
      assert.include(yield* exchanged(third, GET("/"), /quick$/), "quick")
      const fourth = yield* open(port)
      yield* ended(third)
      assert.deepStrictEqual(told, ["ended", "ended"])
      yield* Deferred.succeed(release, undefined)
      assert.include(yield* Fiber.join(answer), "slow")
      assert.include(yield* exchanged(fourth, GET("/"), /quick$/), "quick")
    }).pipe(Effect.scoped)
  )

  it.live("B23 a body that does not arrive is waiting too", () =>
    Effect.gen(function* () {
      const { port, begun } = yield* watched()
      const slow = yield* open(port)
      slow.write("POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n1")
      yield* Deferred.await(begun)
      yield* open(port)
      yield* open(port)
      yield* ended(slow)
    }).pipe(Effect.scoped)
  )

  it.live("B23 a trusted proxy speaks for many and has no such cap", () =>
    Effect.gen(function* () {
      const { port, told } = yield* watched(true)
      const sockets = yield* Effect.replicateEffect(open(port), 5)
      for (const socket of sockets) assert.include(yield* exchanged(socket, GET("/"), /quick$/), "quick")
      assert.deepStrictEqual(told, [])
    }).pipe(Effect.scoped)
  )

  it.live("B24 an HTTP/1.0 message in chunks ends its connection; one that says its length may keep it", () =>
    Effect.gen(function* () {
      const { port } = yield* watched()
      const head = "POST / HTTP/1.0\r\nhost: x\r\nconnection: keep-alive\r\n"
      const chunked = yield* open(port)
      const answer = yield* exchanged(chunked, `${head}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`, /^never$/)
      assert.match(answer, /\r\nconnection: close\r\n/i)
      const measured = yield* open(port)
      assert.match(yield* exchanged(measured, `${head}content-length: 0\r\n\r\n`, /quick$/), /connection: keep-alive/i)
    }).pipe(Effect.scoped)
  )

  it.live(
    "B23 a caller with more idle connections than the process has descriptors shuts nobody out, and is told of once",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const variables = { PORT: String(port), DATA_DIR: yield* temporaryFolder, LOG_FORMAT: "json" }
        const program = yield* start("main.ts", variables, { openFiles: 512 })
        yield* ready(`http://127.0.0.1:${port}`, program)
        yield* Effect.replicateEffect(open(port), 700)
        const response = yield* Effect.promise(() => fetch(`http://127.0.0.1:${port}/readyz`))
        assert.strictEqual(response.status, 200)
        yield* said(program, /too many idle connections of one address/)
        assert.lengthOf(program.output().match(/too many idle/g) ?? [], 1)
      }).pipe(Effect.scoped),
    { timeout: 120_000 }
  )
})
