/** Load: the same request again and again on kept connections, every answer compared, latencies kept. */

import { connect, type Socket } from "node:net"

export interface LoadOptions {
  readonly port: number
  readonly connections: number
  readonly seconds: number
  /** The whole request, head and body. */
  readonly request: Buffer
  /** What every answer has to hold; anything else is an error. */
  readonly expect: string
}

export interface LoadResult {
  readonly requests: number
  readonly errors: number
  readonly perSecond: number
  /** In milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** A request of HTTP/1.1, as bytes. */
export const httpRequest = (
  path: string,
  body: string,
  headers: Readonly<Record<string, string>> = {}
): Buffer =>
  Buffer.from(
    [
      `POST ${path} HTTP/1.1`,
      "Host: localhost",
      "Connection: keep-alive",
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...Object.entries({ "Content-Type": "application/json", ...headers }).map(([name, value]) => `${name}: ${value}`),
      "",
      body
    ].join("\r\n")
  )

/** The end of the answer at the start of `text`, or -1 while it is incomplete. */
const endOf = (text: string): number => {
  const head = text.indexOf("\r\n\r\n")
  if (head < 0) return -1
  const headers = text.slice(0, head).toLowerCase()
  const length = /content-length: (\d+)/.exec(headers)?.[1]
  if (length !== undefined) {
    const end = head + 4 + Number(length)
    return text.length >= end ? end : -1
  }
  if (!headers.includes("transfer-encoding: chunked")) return head + 4
  const last = text.indexOf("0\r\n\r\n", head + 4)
  return last < 0 ? -1 : last + 5
}

export const load = async ({ port, connections, seconds, request, expect }: LoadOptions): Promise<LoadResult> => {
  const latencies: Array<number> = []
  let errors = 0
  const started = performance.now()
  const deadline = started + seconds * 1000
  const run = () =>
    new Promise<void>((resolve, reject) => {
      let sent = 0
      let received = ""
      const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => send())
      const send = () => {
        sent = performance.now()
        socket.write(request)
      }
      // One byte is one character, so that lengths agree.
      socket.setEncoding("latin1")
      socket.on("data", (chunk: string) => {
        received += chunk
        const end = endOf(received)
        if (end < 0) return
        const now = performance.now()
        latencies.push(now - sent)
        if (!received.includes(expect)) errors++
        received = received.slice(end)
        if (now < deadline) send()
        else socket.end()
      })
      socket.on("close", () => resolve())
      socket.on("error", reject)
    })
  await Promise.all(Array.from({ length: connections }, run))
  const elapsed = (performance.now() - started) / 1000
  latencies.sort((left, right) => left - right)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return { requests: latencies.length, errors, perSecond: latencies.length / elapsed, p50: at(0.5), p99: at(0.99) }
}
