/** A connection that sends octets as they are, and reads answers as RFC 9112 frames them: nothing is tidied up on the way. */

import { connect, type Socket } from "node:net"

export interface WireAnswer {
  readonly status: number
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  readonly body: string
  /** The connection is of no use any more. */
  readonly isLast: boolean
}

const BETWEEN = "\r\n\r\n"

const chunksOf = (text: string, from: number): { readonly body: string; readonly end: number } | undefined => {
  let body = ""
  for (let at = from; ; ) {
    const line = text.indexOf("\r\n", at)
    if (line < 0) return undefined
    const size = Number.parseInt(text.slice(at, line), 16)
    const begin = line + 2
    if (text.length < begin + size + 2) return undefined
    if (size === 0) return { body, end: begin + 2 }
    body += text.slice(begin, begin + size)
    at = begin + size + 2
  }
}

/** The first whole answer in what has come, and where it ends; octets are told as latin1. */
const read = (
  received: string,
  isToHead: boolean,
  isEnded: boolean
): { answer: WireAnswer; end: number } | undefined => {
  const headEnd = received.indexOf(BETWEEN)
  if (headEnd < 0) return undefined
  const [line = "", ...lines] = received.slice(0, headEnd).split("\r\n")
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(line)?.[1] ?? 0)
  const headers = lines.map((each) => {
    const colon = each.indexOf(":")
    return [each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim()] as const
  })
  const header = (name: string) => headers.find(([each]) => each === name)?.[1]
  const begin = headEnd + BETWEEN.length
  const isLast = header("connection")?.toLowerCase() === "close"
  const whole = (body: string, end: number) => ({ answer: { status, headers, body, isLast }, end })
  // Told to go on; what was asked for comes next.
  if (status === 100) return read(received.slice(begin), isToHead, isEnded)
  if (isToHead || status === 204 || status === 304) return whole("", begin)
  // A stream stays open for as long as somebody listens.
  if (header("content-type")?.startsWith("text/event-stream")) {
    return { answer: { status, headers, body: received.slice(begin), isLast: true }, end: received.length }
  }
  if (header("transfer-encoding") === "chunked") {
    const chunks = chunksOf(received, begin)
    return chunks && whole(chunks.body, chunks.end)
  }
  const length = header("content-length")
  if (length !== undefined) {
    const end = begin + Number(length)
    return received.length < end ? undefined : whole(received.slice(begin, end), end)
  }
  return isEnded ? whole(received.slice(begin), received.length) : undefined
}

export interface Wire {
  /** Sends, and waits for the answer; nothing when the connection ends without one. */
  readonly ask: (bytes: Buffer, isToHead?: boolean) => Promise<WireAnswer | undefined>
  /** What came behind an answer that nobody had asked for. */
  readonly surplus: () => string
  readonly close: () => void
}

/** One connection after another: a new one where the last was closed. */
export const openWire = (port: number): Wire => {
  let socket: Socket | undefined
  let received = ""
  let surplus = ""
  let look: (isEnded: boolean) => void = () => undefined

  const connected = (): Socket => {
    if (socket !== undefined && !socket.destroyed && socket.writable) return socket
    received = ""
    const opened = connect({ port, host: "127.0.0.1", noDelay: true })
    opened.on("data", (chunk) => {
      if (opened !== socket) return
      received += chunk.toString("latin1")
      look(false)
    })
    // What went wrong shows in there being no answer.
    opened.on("error", () => undefined)
    opened.on("close", () => {
      if (opened === socket) look(true)
    })
    socket = opened
    return opened
  }

  const askOnce = (bytes: Buffer, isToHead: boolean) =>
    new Promise<WireAnswer | undefined>((resolve) => {
      const asked = connected()
      if (received !== "") surplus += received
      received = ""
      look = (isEnded) => {
        const found = read(received, isToHead, isEnded)
        if (found === undefined) {
          if (isEnded) {
            look = () => undefined
            socket = undefined
            resolve(undefined)
          }
          return
        }
        look = () => undefined
        received = received.slice(found.end)
        if (found.answer.isLast) {
          socket = undefined
          asked.destroy()
        }
        resolve(found.answer)
      }
      asked.write(bytes)
    })

  return {
    ask: async (bytes, isToHead = false) => {
      const isUsed = socket !== undefined
      const answer = await askOnce(bytes, isToHead)
      // A connection that was kept may be ended while something is on its way (RFC 9112 §9.3.1).
      return answer === undefined && isUsed ? askOnce(bytes, isToHead) : answer
    },
    surplus: () => surplus,
    close: () => socket?.destroy()
  }
}
