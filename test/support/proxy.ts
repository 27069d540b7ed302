/** A TCP proxy that can be cut, or go silent: the network between us and the database. */

import { connect, createServer, type Socket } from "node:net"
import { Effect } from "effect"

export const cuttableProxy = (host: string, port: number) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly port: number
      readonly cut: () => void
      readonly mend: () => void
      /** Everything stays open and nothing is passed on, as when the other side was stopped (SIGSTOP); and goes on. */
      readonly hush: () => void
      readonly speak: () => void
      readonly close: () => void
    }>((resume) => {
      const open = new Map<Socket, Socket>()
      let isCut = false
      let isSilent = false
      const server = createServer((inbound) => {
        if (isCut) return void inbound.destroy()
        const outbound = connect(port, host)
        for (const [one, other] of [
          [inbound, outbound],
          [outbound, inbound]
        ] as const) {
          open.set(one, other)
          one.pipe(other)
          if (isSilent) one.unpipe(other).pause()
          one.on("error", () => other.destroy())
          one.on("close", () => {
            open.delete(one)
            other.destroy()
          })
        }
      })
      const destroyAll = () => {
        for (const socket of open.keys()) socket.destroy()
      }
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(
          Effect.succeed({
            port: typeof address === "object" ? (address?.port ?? 0) : 0,
            cut: () => {
              isCut = true
              destroyAll()
            },
            mend: () => {
              isCut = false
            },
            hush: () => {
              isSilent = true
              for (const socket of open.keys()) socket.unpipe().pause()
            },
            speak: () => {
              isSilent = false
              for (const [socket, other] of open) socket.pipe(other)
            },
            close: () => {
              destroyAll()
              server.close()
            }
          })
        )
      })
    }),
    (proxy) => Effect.sync(proxy.close)
  )
