/** Servers of a test's own, closed with the scope. */

import { createServer, type Server } from "node:http"
import { Readable } from "node:stream"
import type { ReadableStream } from "node:stream/web"
import { Effect } from "effect"

/** The port of a server that listens on this computer until the scope is closed. */
export const listening = Effect.fn("test.listening")(function* (server: Server) {
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.void))
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  )
  const address = server.address()
  return typeof address === "object" ? (address?.port ?? 0) : 0
})

/** A handler of the web's requests behind a port of this computer. */
export const fetchServer = (handle: (request: Request) => Promise<Response>) =>
  Effect.gen(function* () {
    const server = createServer((request, response) => {
      const aborted = new AbortController()
      response.on("close", () => aborted.abort())
      const chunks: Array<Buffer> = []
      request.on("data", (chunk) => chunks.push(chunk))
      request.on("end", async () => {
        const headers = Object.entries(request.headers).flatMap(([name, value]) =>
          typeof value === "string" ? [[name, value] as [string, string]] : []
        )
        const answer = await handle(
          new Request(`http://${request.headers.host}${request.url}`, {
            method: request.method ?? "GET",
            headers,
            signal: aborted.signal,
            ...(chunks.length > 0 && { body: Buffer.concat(chunks) })
          })
        )
        response.writeHead(answer.status, Object.fromEntries(answer.headers))
        if (answer.body === null) response.end()
        // Node's own streams and the web's are two types of one thing.
        else Readable.fromWeb(answer.body as ReadableStream).pipe(response)
      })
    })
    return yield* listening(server)
  })
