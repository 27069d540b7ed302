/** A TCP proxy that can be cut: the network between us and the database. */

import { connect, createServer, type Socket } from "node:net"
import { Effect } from "effect"

export const cuttableProxy = (host: string, port: number) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly port: number
      readonly cut: () => void
      readonly mend: () => void
      readonly close: () => void
    }>((resume) => {
      const open = new Set<Socket>()
      let isCut = false
      const server = createServer((inbound) => {
        if (isCut) return void inbound.destroy()
        const outbound = connect(port, host)
        for (const [one, other] of [
          [inbound, outbound],
          [outbound, inbound]
        ] as const) {
          open.add(one)
          one.pipe(other)
          one.on("error", () => other.destroy())
          one.on("close", () => {
            open.delete(one)
            other.destroy()
          })
        }
      })
      const destroyAll = () => {
        for (const socket of open) socket.destroy()
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
