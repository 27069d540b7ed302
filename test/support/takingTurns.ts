/** A balancer of the plainest kind: it knows nothing of what it passes, and each connection goes to the next server. */

import { connect, createServer, type Socket } from "node:net"
import { Effect } from "effect"

/** Listens on `port`, and hands the connections that come to the `ports` in turn; where they went is counted. */
export const takingTurns = (port: number, ports: ReadonlyArray<number>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly served: Readonly<Record<number, number>>; readonly close: () => void }>((resume) => {
      const served: Record<number, number> = {}
      const open = new Set<Socket>()
      let turn = 0
      const server = createServer((ours) => {
        const next = ports[turn++ % ports.length] ?? 0
        served[next] = (served[next] ?? 0) + 1
        const theirs = connect(next, "127.0.0.1")
        open.add(ours)
        ours.once("close", () => {
          open.delete(ours)
          theirs.destroy()
        })
        theirs.once("close", () => ours.destroySoon())
        // Where one side is lost, so is the other.
        for (const socket of [ours, theirs]) socket.on("error", () => socket.destroy())
        ours.pipe(theirs).pipe(ours)
      })
      const close = () => {
        server.close()
        for (const socket of open) socket.destroy()
      }
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed({ served, close })))
    }),
    ({ close }) => Effect.sync(close)
  )
