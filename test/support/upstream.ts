/** A server that tools believe to be their provider: it remembers what it was asked, and answers as told. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Effect } from "effect"

export interface Asked {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

export type Answering = (asked: Asked, response: ServerResponse) => void

export const answerJson =
  (body: unknown, status = 200, headers: Record<string, string> = {}): Answering =>
  (_, response) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))

export const answerText =
  (text: string, status = 200, headers: Record<string, string> = {}): Answering =>
  (_, response) =>
    response.writeHead(status, headers).end(text)

/** On a free port, for as long as the scope lasts. Each request takes the next answer; the last one stays. */
export const upstream = Effect.fn("test.upstream")(function* (...answers: ReadonlyArray<Answering>) {
  const asked: Array<Asked> = []
  let hangUps = 0
  const server = createServer(async (request, response) => {
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk)
    const one = {
      method: request.method ?? "",
      url: new URL(request.url ?? "/", "http://upstream"),
      headers: request.headers,
      body: Buffer.concat(chunks).toString()
    }
    asked.push(one)
    response.on("close", () => {
      if (!response.writableFinished) hangUps++
    })
    answers[Math.min(asked.length, answers.length) - 1]?.(one, response)
  })
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
  const port = typeof address === "object" ? address?.port : 0
  return { url: `http://127.0.0.1:${port}`, asked, hangUps: () => hangUps }
})
