/**
 * Connections: how many there may be, and how many of one address that only keep the server waiting. Without an end to them
 * a single idle caller takes every descriptor of the process, and shuts everybody out without a word.
 */

import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { networkOf } from "./clientAddress.ts"

/** For files, the database, and requests of our own. */
const RESERVED = 256
/** Of one address; as much as a process without a limit of descriptors allows. */
const MOST_OF_ADDRESS = 4096

export interface Caps {
  readonly most: number | undefined
  readonly ofAddress: number
}

/** As many as the descriptors of the process leave room for, a quarter of them for one address. */
export const capsOf = (openFiles: number | undefined, poolSize: number): Caps => {
  if (openFiles === undefined) return { most: undefined, ofAddress: MOST_OF_ADDRESS }
  const most = Math.floor(Math.max(openFiles / 2, openFiles - RESERVED - poolSize))
  return { most, ofAddress: Math.min(MOST_OF_ADDRESS, Math.max(1, Math.floor(most / 4))) }
}

/** How many files this process may have open; `undefined` where the system does not say, or sets no limit. */
export const openFilesLimit = (): number | undefined => {
  // Without a look-up of every peer's name; newer than the types.
  Object.assign(process.report, { excludeNetwork: true })
  const report: { readonly userLimits?: { readonly open_files?: { readonly soft: unknown } } } =
    process.report.getReport()
  const soft = report.userLimits?.open_files?.soft
  return typeof soft === "number" ? soft : undefined
}

interface Connection {
  readonly socket: Socket
  /** What is being answered. */
  request: IncomingMessage | undefined
  isUsed: boolean
}

/** It is the caller's turn: to ask, or to go on with what it began to ask. */
const isWaiting = ({ request }: Connection) => request === undefined || !request.complete

/**
 * Watches a server that has not begun to listen. Beyond the cap of an address, a new connection ends the oldest one of that
 * address that only waits; a trusted proxy speaks for many, and keeps its own count.
 */
export const watchConnections = (
  server: Server,
  caps: Caps,
  isExempt: (address: string) => boolean,
  tell: (what: "ended" | "refused", address: string) => void
) => {
  if (caps.most !== undefined) server.maxConnections = caps.most
  const connections = new Map<Socket, Connection>()
  const byAddress = new Map<string, Set<Connection>>()
  let answered = () => {}

  server.on("drop", (data) => tell("refused", data?.remoteAddress ?? "unknown"))
  server.on("connection", (socket) => {
    const connection: Connection = { socket, request: undefined, isUsed: false }
    connections.set(socket, connection)
    const address = socket.remoteAddress ?? "unknown"
    const key = isExempt(address) ? undefined : networkOf(address)
    const others = (key !== undefined && byAddress.get(key)) || new Set<Connection>()
    if (key !== undefined) byAddress.set(key, others.add(connection))
    socket.once("close", () => {
      connections.delete(socket)
      others.delete(connection)
      if (key !== undefined && others.size === 0) byAddress.delete(key)
    })
    if (others.size <= caps.ofAddress) return
    for (const other of others) {
      if (other === connection || !isWaiting(other)) continue
      others.delete(other)
      other.socket.destroy()
      return tell("ended", key ?? address)
    }
  })
  const came = (request: IncomingMessage, response: ServerResponse) => {
    // RFC 9112 §6.1: HTTP/1.0 knows no chunks, so where such a message ends is anybody's guess.
    if (request.httpVersionMinor === 0 && request.headers["transfer-encoding"] !== undefined) {
      response.shouldKeepAlive = false
    }
    const connection = connections.get(request.socket)
    if (connection === undefined) return
    connection.isUsed = true
    connection.request = request
    response.once("close", () => {
      if (connection.request === request) connection.request = undefined
      answered()
    })
  }

  return {
    /** To be told of each request before anybody answers it. */
    came,
    isAny: () => connections.size > 0,
    /** What is to be done after every response. */
    onAnswered: (listener: () => void) => {
      answered = listener
    },
    /** Those that never asked for anything: browsers open some in advance. */
    unused: () => [...connections.values()].filter(({ isUsed }) => !isUsed).map(({ socket }) => socket)
  }
}

export type Connections = ReturnType<typeof watchConnections>
