/**
 * Crowds that only want to be in the way: idle, slow, coming and going, half closed, with bodies that are too large or too deep, and
 * wrong passwords. Honest clients work meanwhile; all that they ask has to be answered, and afterwards nothing may be left of the crowd.
 */

import { readdirSync, readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { Effect, Fiber, Random } from "effect"
import { openFilesLimit } from "../../src/web/connections.ts"
import { freePort, TestApp } from "../support/app.ts"
import { call, messageOf, obtainTokens, refresh } from "../support/client.ts"
import { ready, run, start } from "../support/program.ts"
import { startPostgres } from "../support/realPostgres.ts"
import type { Chapter, Ordeal } from "./chapter.ts"

const HONEST = 6
const IDLE = 10_000
const CROWD = 400
/** Of one address a server keeps 4096 idle connections, so the crowd has several. Honest clients have another one. */
const ADDRESSES = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]
const HOLD_MS = 4000
const DRIP_MS = 50
const FILES = 30_000
/** What a server may keep of the harm after the first of it: young generations and buffers grow once. */
const MOST_GROWTH = 1.4

const MIB = 2 ** 20

interface Target {
  readonly port: number
  readonly token: string
}

/** A socket of the crowd, whatever becomes of it. */
const open = (port: number, n: number, onConnect: (socket: Socket) => void = () => {}) => {
  const socket = connect({
    port,
    host: "127.0.0.1",
    localAddress: ADDRESSES[n % ADDRESSES.length] ?? "127.0.0.2",
    noDelay: true,
    allowHalfOpen: true
  })
  socket.on("error", () => {})
  socket.on("connect", () => onConnect(socket))
  return socket.resume()
}

const many = (count: number, one: (n: number) => Socket): ReadonlyArray<Socket> =>
  Array.from({ length: count }, (_, n) => one(n))

/** Sends on in small pieces, for as long as the socket lives. */
const drip = (socket: Socket, piece: string) => {
  const timer = setInterval(() => socket.write(piece), DRIP_MS)
  socket.once("close", () => clearInterval(timer))
}

const post = (path: string, length: number | "chunked", type: string, headers: ReadonlyArray<string> = []) =>
  [
    `POST ${path} HTTP/1.1`,
    "host: localhost",
    `content-type: ${type}`,
    length === "chunked" ? "transfer-encoding: chunked" : `content-length: ${length}`,
    ...headers,
    "",
    ""
  ].join("\r\n")

const FORM = "application/x-www-form-urlencoded"
const JSON_TYPE = "application/json"
const authorized = ({ token }: Target) => [`authorization: Bearer ${token}`]

/** Comes again as soon as it is gone, until `isOver`. */
const again = (count: number, isOver: () => boolean, one: (n: number) => Socket) => {
  const visit = (n: number) => {
    if (!isOver()) one(n).once("close", () => setImmediate(visit, n))
  }
  for (let n = 0; n < count; n++) visit(n)
  return []
}

const wholeAnd = (target: Target, n: number, head: string, body: string) =>
  open(target.port, n, (socket) => {
    socket.write(head)
    socket.write(body)
    socket.once("data", () => socket.destroy())
  })

/** What a crowd does; the sockets that it leaves open are closed for it. */
const HARMS: Readonly<Record<string, (target: Target, isOver: () => boolean) => ReadonlyArray<Socket>>> = {
  idle: ({ port }) => many(Math.min(IDLE, (openFilesLimit() ?? IDLE + 1000) - 1000), (n) => open(port, n)),
  "slow headers": ({ port }) =>
    many(CROWD, (n) =>
      open(port, n, (socket) => {
        socket.write("GET /mcp HTTP/1.1\r\nx: ")
        drip(socket, "a")
      })
    ),
  "slow bodies": ({ port }) =>
    many(CROWD, (n) =>
      open(port, n, (socket) => {
        socket.write(post(n % 2 === 0 ? "/token" : "/login", 60_000, FORM))
        drip(socket, "a")
      })
    ),
  "coming and going": ({ port }, isOver) =>
    again(100, isOver, (n) => open(port, n, (socket) => (n % 2 === 0 ? socket.destroy() : socket.end()))),
  "half closed": ({ port }, isOver) =>
    again(100, isOver, (n) =>
      open(port, n, (socket) => {
        socket.end(n % 2 === 0 ? "GET /authorize HTTP/1.1\r\nhost: localhost\r\n\r\n" : "GET /autho")
        socket.once("end", () => socket.destroy())
      })
    ),
  "large bodies": (target, isOver) => {
    const megabyte = "a".repeat(MIB)
    return again(20, isOver, (n) =>
      n % 2 === 0
        ? wholeAnd(target, n, post("/mcp", MIB, JSON_TYPE, authorized(target)), megabyte)
        : wholeAnd(target, n, post("/token", "chunked", FORM), `${MIB.toString(16)}\r\n${megabyte}\r\n`)
    )
  },
  "deep bodies": (target, isOver) => {
    const deep = `${"[".repeat(MIB / 2)}${"]".repeat(MIB / 2)}`
    return again(20, isOver, (n) => wholeAnd(target, n, post("/mcp", MIB, JSON_TYPE, authorized(target)), deep))
  },
  "wrong passwords": (target, isOver) => {
    const body = "email=nobody%40people.example&password=wrong+password"
    return again(60, isOver, (n) => wholeAnd(target, n, post("/login", body.length, FORM), body))
  },
  "more than it can": (target, isOver) => {
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}'
    return again(1000, isOver, (n) =>
      wholeAnd(target, n, post("/mcp", body.length, JSON_TYPE, authorized(target)), body)
    )
  }
}

interface Counts {
  served: number
  turnedAway: number
  harm: string
  /** The slowest answer to an honest client while each of the crowds was there. */
  readonly slowestMs: Record<string, number>
}

/** Works until it is over: calls, and refreshes now and then. What was turned away is tried again, as the server says. */
const honestLife = Effect.fnUntraced(function* (isOver: () => boolean, counts: Counts, broken: Ordeal["broken"]) {
  let tokens = yield* obtainTokens()
  for (let n = 0; !isOver(); n++) {
    const began = performance.now()
    const { harm } = counts
    const isRefresh = n % 10 === 9
    const asked = isRefresh
      ? refresh(tokens.refresh_token)
      : call(tokens.access_token, "calculator", { expression: `${n} + 1` })
    const answer = yield* Effect.exit(asked)
    if (answer._tag === "Failure") {
      broken("an honest client is answered", String(answer.cause))
      continue
    }
    const { status, headers, body, text } = answer.value
    if ((status === 503 || status === 429) && headers.has("retry-after")) {
      counts.turnedAway++
      yield* Effect.sleep(`${Number(headers.get("retry-after"))} seconds`)
      continue
    }
    counts.slowestMs[harm] = Math.max(counts.slowestMs[harm] ?? 0, Math.round(performance.now() - began))
    const isRight = isRefresh
      ? status === 200
      : status === 200 && messageOf(answer.value).result?.structuredContent?.result === String(n + 1)
    if (!isRight) broken("an honest client is served", { status, text: text.slice(0, 300) })
    if (isRefresh && status === 200) tokens = body
    counts.served++
  }
})

const residentOf = (pid: number) =>
  Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024
const filesOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length

export const floods: Chapter = {
  name: "floods",
  share: 2,
  run: Effect.fn("floods")(function* ({ isOver, broken }) {
    const postgres = yield* Effect.acquireRelease(
      Effect.promise(() => startPostgres()),
      ({ stop }) => Effect.promise(stop)
    )
    const port = yield* freePort
    const settings = {
      DATABASE_URL: postgres.url,
      PORT: String(port),
      AUTO_SEED_CLIENT_ID: "demo",
      AUTO_SEED_REDIRECT_URIS: "http://127.0.0.1/callback",
      LOG_LEVEL: "error"
    }
    yield* run("app/programs/dbInit.ts", settings)
    const program = yield* start("main.ts", settings, { openFiles: FILES })
    const baseUrl = `http://localhost:${port}`
    yield* ready(baseUrl, program)
    const pid = program.process.pid ?? 0
    const on = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.provideService(effect, TestApp, { baseUrl, port } as TestApp["Service"])

    const counts: Counts = { served: 0, turnedAway: 0, harm: "nothing", slowestMs: {} }
    let isEnding = false
    const honest = yield* Effect.forEach(Array.from({ length: HONEST }), () =>
      Effect.forkChild(on(honestLife(() => isEnding, counts, broken)))
    )
    const { access_token: token } = yield* on(obtainTokens())
    const before = { resident: residentOf(pid), files: filesOf(pid) }
    let sockets = 0
    let mostFiles = 0
    let rounds = 0
    let afterFirst: number | undefined
    do {
      for (const name of yield* Random.shuffle(Object.keys(HARMS))) {
        const served = counts.served
        counts.harm = name
        let isHarmOver = false
        const crowd = HARMS[name]?.({ port, token }, () => isHarmOver) ?? []
        sockets += crowd.length
        yield* Effect.sleep(HOLD_MS)
        mostFiles = Math.max(mostFiles, filesOf(pid))
        // However slow the machine, somebody gets through.
        const until = performance.now() + 60_000
        while (counts.served === served && performance.now() < until) yield* Effect.sleep("100 millis")
        if (counts.served === served) broken("a crowd does not keep honest clients out", name)
        isHarmOver = true
        for (const socket of crowd) socket.destroy()
        while (filesOf(pid) > before.files + 100 && performance.now() < until) yield* Effect.sleep("100 millis")
        if (filesOf(pid) > before.files + 100) broken("nothing is left of a crowd", { name, files: filesOf(pid) })
        if (program.process.exitCode !== null) return yield* Effect.die(new Error(`it ended: ${program.output()}`))
      }
      rounds++
      afterFirst ??= residentOf(pid)
    } while (!isOver())
    isEnding = true
    yield* Effect.forEach(honest, Fiber.await)
    const last = residentOf(pid)
    if (last > MOST_GROWTH * afterFirst) broken("memory is flat", { afterFirst, last })
    if (/defect|unhandled/i.test(program.output()))
      broken("no request ends in a defect", program.output().slice(0, 2000))
    return {
      rounds,
      harms: rounds * Object.keys(HARMS).length,
      "idle and slow sockets": sockets,
      "most files of the server": mostFiles,
      "honest requests": counts.served,
      "turned away": counts.turnedAway,
      ...Object.fromEntries(Object.entries(counts.slowestMs).map(([harm, ms]) => [`slowest beside ${harm}, ms`, ms])),
      "MiB before": Math.round(before.resident / MIB),
      "MiB after one round": Math.round(afterFirst / MIB),
      "MiB at the end": Math.round(last / MIB)
    }
  })
}
