/**
 * Load over kept connections, every answer checked. Written here because a generator on one core has to outrun a bare
 * `node:http` server on the other: it compares bytes, and parses an answer only when it looks unlike the one before.
 */

import { connect, type Socket } from "node:net"

export interface Answer {
  readonly status: number
  readonly body: string
}

/** One connection's next request, made from its last answer. */
export type Next = (last: Answer | undefined) => Buffer | undefined

export interface LoadOptions {
  readonly port: number
  readonly connections: number
  /** The run ends after so many seconds, after so many requests, or when no connection has a next one. */
  readonly seconds?: number
  readonly requests?: number
  /** Requests a second to begin, whatever the answers do; without it, each connection asks again when it is answered. */
  readonly rate?: number
  /** The same request again and again, or a connection's own chain of them. */
  readonly request: Buffer | ((connection: number) => Next)
  readonly isRight: (answer: Answer) => boolean
  /** Answers that are counted apart, and whose time is nobody's: that the server has too much to do. */
  readonly isRefused?: (answer: Answer) => boolean
  /**
   * Keeps this process's core from sleeping. To wake a core costs the server that writes to it, on a virtual machine more
   * than its own work; where the database shares the core, it would only be in its way.
   */
  readonly stayAwake?: boolean
}

export interface LoadResult {
  readonly requests: number
  readonly wrong: number
  /** Beside the `requests`. */
  readonly refused: number
  /** One of the wrong answers, to look into. */
  readonly sample: string | undefined
  readonly perSecond: number
  /** In milliseconds, from the moment at which the request was due. */
  readonly p50: number
  readonly p99: number
}

/** A POST as bytes. */
export const post = (path: string, body: string, headers: Readonly<Record<string, string>>): Buffer =>
  Buffer.from(
    [
      `POST ${path} HTTP/1.1`,
      "Host: localhost",
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      "",
      body
    ].join("\r\n")
  )

interface Framed extends Answer {
  readonly head: number
  readonly end: number
}

/** The answer at the start of `text`, in which one character is one byte; nothing while it is incomplete. */
const frame = (text: string): Framed | undefined => {
  const head = text.indexOf("\r\n\r\n") + 4
  if (head < 4) return undefined
  const headers = text.slice(0, head).toLowerCase()
  const status = Number(headers.slice(9, 12))
  const length = /\r\ncontent-length: *(\d+)/.exec(headers)?.[1]
  if (length !== undefined) {
    const end = head + Number(length)
    return text.length < end ? undefined : { status, body: text.slice(head, end), head, end }
  }
  if (!headers.includes("\r\ntransfer-encoding: chunked")) return { status, body: "", head, end: head }
  // RFC 9112 §7.1: size in hexadecimal, line end, so many bytes, line end; the last is of size 0.
  let body = ""
  for (let at = head; ; ) {
    const start = text.indexOf("\r\n", at) + 2
    const size = Number.parseInt(text.slice(at, start), 16)
    at = start + size + 2
    if (start < 2 || text.length < at) return undefined
    if (size === 0) return { status, body, head, end: at }
    body += text.slice(start, start + size)
  }
}

const bytes = (text: string) => Buffer.from(text, "latin1")

export const load = async (options: LoadOptions): Promise<LoadResult> => {
  const { port, connections, seconds = Number.POSITIVE_INFINITY, requests = Number.POSITIVE_INFINITY } = options
  const latencies: Array<number> = []
  let begun = 0
  let wrong = 0
  let refused = 0
  let sample: string | undefined
  // The last answer to the one request: the next is right if it is as long and its body is the same.
  let known: { readonly length: number; readonly body: Buffer } | undefined

  const started = performance.now()
  const deadline = started + seconds * 1000
  const interval = options.rate === undefined ? undefined : 1000 / options.rate
  const isOver = () => performance.now() >= deadline || begun >= requests

  const idle: Array<(due: number) => void> = []
  const open = (index: number) =>
    new Promise<void>((resolve, reject) => {
      const { request } = options
      const next: Next = Buffer.isBuffer(request) ? () => request : request(index)
      let due = 0
      let received: Buffer | undefined
      const send = (at: number, last?: Answer) => {
        const message = next(last)
        if (message === undefined) return void socket.end()
        begun++
        due = at
        socket.write(message)
      }
      const answered = (answer: Answer | undefined, isRefused = false) => {
        const now = performance.now()
        if (isRefused) refused++
        else latencies.push(now - due)
        if (interval !== undefined) return void idle.push(send)
        if (isOver()) socket.end()
        else send(now, answer)
      }
      const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => {
        if (interval === undefined) send(performance.now())
        else idle.push(send)
      })
      socket.on("data", (chunk: Buffer) => {
        if (received === undefined && known !== undefined && chunk.length === known.length) {
          if (chunk.compare(known.body, 0, known.body.length, chunk.length - known.body.length) === 0) {
            return answered(undefined)
          }
        }
        const whole: Buffer = received === undefined ? chunk : Buffer.concat([received, chunk])
        const framed = frame(whole.toString("latin1"))
        if (framed === undefined) {
          received = whole
          return
        }
        received = undefined
        const answer = { status: framed.status, body: bytes(framed.body).toString() }
        if (options.isRefused?.(answer) === true) return answered(answer, true)
        if (!options.isRight(answer)) {
          wrong++
          sample ??= whole.toString()
        } else if (Buffer.isBuffer(request)) {
          known = { length: whole.length, body: whole.subarray(framed.head) }
        }
        answered(answer)
      })
      socket.on("close", () => resolve())
      // Some servers reset a connection that has been ended; nobody waits for it any more.
      socket.on("error", (error) => void (socket.writableEnded || reject(error)))
      closers.push(() => socket.end())
    })

  const closers: Array<() => void> = []
  const all = Promise.all(Array.from({ length: connections }, (_, index) => open(index)))
  if (interval !== undefined) {
    const step = () => {
      const now = performance.now()
      while (started + begun * interval <= now && !isOver()) {
        const send = idle.pop()
        if (send === undefined) break
        send(started + begun * interval)
      }
      // Timers are too coarse for intervals of microseconds.
      if (!isOver()) setImmediate(step)
      else if (idle.length < connections) setTimeout(step, 1)
      else for (const close of closers) close()
    }
    step()
  }
  let isDone = false
  const stayAwake = () => void (isDone || setImmediate(stayAwake))
  if (options.stayAwake) stayAwake()
  await all
  isDone = true

  const elapsed = (performance.now() - started) / 1000
  latencies.sort((left, right) => left - right)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return {
    requests: latencies.length,
    wrong,
    refused,
    sample,
    perSecond: latencies.length / elapsed,
    p50: at(0.5),
    p99: at(0.99)
  }
}
