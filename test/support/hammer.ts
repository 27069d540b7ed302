/** Clients that ask again as soon as they are answered, on raw sockets, so that no request is sent twice and none is lost unseen. */

import { connect } from "node:net"
import { Effect } from "effect"

export interface Hammered {
  answered: number
  /** Answers by their status. */
  readonly statuses: Record<number, number>
  /** Answers that said that their connection ends. */
  last: number
  /** New connections that were refused, or ended before the server took them. */
  refused: number
  /** Requests on a connection that had been answered on before, or of which a part was answered: they are gone. */
  readonly lost: Array<string>
}

const GET = (path: string, isKept: boolean) =>
  `GET ${path} HTTP/1.1\r\nhost: localhost\r\n${isKept ? "" : "connection: close\r\n"}\r\n`

/** Whether all of an answer is there, by its length. */
const isWhole = (text: string) => {
  const head = text.indexOf("\r\n\r\n")
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1]
  return head >= 0 && text.length >= head + 4 + Number(length ?? 0)
}

export interface HammerOptions {
  readonly port: number
  /** Clients that keep their connection, and clients that make a new one for each request. */
  readonly kept: number
  readonly fresh: number
  readonly path: string
}

/** Goes on until it is told to stop, or until nobody takes its connections any more. */
export const hammer = ({ port, kept, fresh, path }: HammerOptions) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const result: Hammered = { answered: 0, statuses: {}, last: 0, refused: 0, lost: [] }
      let isStopped = false
      const connection = (isKept: boolean) =>
        new Promise<void>((resolve) => {
          let asked = 0
          let received = ""
          const socket = connect({ port, host: "127.0.0.1", noDelay: true })
          const ask = () => {
            asked++
            received = ""
            socket.write(GET(path, isKept))
          }
          socket.on("connect", ask)
          socket.on("data", (chunk) => {
            received += chunk.toString("latin1")
            if (!isWhole(received)) return
            result.answered++
            const status = Number(received.slice(9, 12))
            result.statuses[status] = (result.statuses[status] ?? 0) + 1
            const isLast = /\r\nconnection: close\r\n/i.test(received)
            if (isKept && isLast) result.last++
            received = ""
            asked = -Math.abs(asked)
            if (!isKept || isLast || isStopped) socket.end()
            else {
              asked = Math.abs(asked)
              ask()
            }
          })
          let why = "closed"
          socket.on("error", (error: NodeJS.ErrnoException) => {
            why = error.code ?? String(error)
          })
          socket.once("close", () => {
            // Below zero: everything that was asked on it is answered.
            if (asked >= 0 && (asked > 1 || received !== "")) result.lost.push(`request ${asked}: ${why} ${received}`)
            else if (asked >= 0) result.refused++
            resolve()
          })
        })
      const client = async (isKept: boolean) => {
        while (!isStopped) {
          const before = result.refused
          await connection(isKept)
          if (result.refused > before) return
        }
      }
      const clients = [
        ...Array.from({ length: kept }, () => client(true)),
        ...Array.from({ length: fresh }, () => client(false))
      ]
      return {
        result,
        /** All that it asked is answered, or gone. */
        over: Effect.promise(() => Promise.all(clients)),
        stop: () => {
          isStopped = true
        }
      }
    }),
    ({ stop }) => Effect.sync(stop)
  )

/** Asks `/readyz` again and again, each time on a new connection, until none is taken; all that it heard, in order. */
export const prober = (port: number) =>
  Effect.sync(() => {
    const heard: Array<number> = []
    const probe = () =>
      new Promise<number>((resolve) => {
        let received = ""
        const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(GET("/readyz", false)))
        socket.on("data", (chunk) => {
          received += chunk
        })
        socket.on("error", () => {})
        socket.once("close", () => resolve(received === "" ? 0 : Number(received.slice(9, 12))))
      })
    const run = async () => {
      for (;;) {
        const status = await probe()
        heard.push(status)
        if (status === 0) return
      }
    }
    return { heard, over: Effect.promise(run) }
  })
