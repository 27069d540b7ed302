/**
 * A crowd, in a thread of its own: what it costs to make one must not hold up the honest clients, or their clocks would tell of us and
 * not of the server. Told a harm it begins, and says how many sockets it holds; told "over" it goes.
 */

import { connect, type Socket } from "node:net"
import { parentPort } from "node:worker_threads"
import { openFilesLimit } from "../../src/web/connections.ts"

const IDLE = 10_000
const CROWD = 400
/** Of one address a server keeps 4096 idle connections, so the crowd has several. Honest clients have another one. */
const ADDRESSES = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"]
const DRIP_MS = 50
const MIB = 2 ** 20

export interface Target {
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
export const HARMS: Readonly<Record<string, (target: Target, isOver: () => boolean) => ReadonlyArray<Socket>>> = {
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

export type Harm = { readonly name: string; readonly target: Target } | "over"

if (parentPort !== null) {
  let end = () => {}
  parentPort.on("message", (harm: Harm) => {
    if (harm === "over") return end()
    let isOver = false
    const crowd = HARMS[harm.name]?.(harm.target, () => isOver) ?? []
    end = () => {
      isOver = true
      for (const socket of crowd) socket.destroy()
    }
    parentPort?.postMessage(crowd.length)
  })
}
