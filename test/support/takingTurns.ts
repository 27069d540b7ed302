/** A balancer of the plainest kind: each request goes to the next server. */

import { createServer, request } from "node:http"
import { Effect } from "effect"

/** Listens on `port`, and hands what comes to the `ports` in turn; where a request went is counted. */
export const takingTurns = (port: number, ports: ReadonlyArray<number>) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly served: Readonly<Record<number, number>>; readonly close: () => void }>((resume) => {
      const served: Record<number, number> = {}
      let turn = 0
      const server = createServer((incoming, outgoing) => {
        const next = ports[turn++ % ports.length] ?? 0
        served[next] = (served[next] ?? 0) + 1
        const { method, url, headers } = incoming
        const passed = request({ port: next, host: "127.0.0.1", method, path: url, headers }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
          answer.pipe(outgoing)
        })
        passed.on("error", () => outgoing.destroy())
        incoming.pipe(passed)
      })
      server.listen(port, "127.0.0.1", () =>
        resume(Effect.succeed({ served, close: () => void server.close().closeAllConnections() }))
      )
    }),
    ({ close }) => Effect.sync(close)
  )
