/**
 * The embedded Postgres (PGlite, in WASM) behind the same PgClient as any other: a duplex that speaks the wire protocol
 * to it instead of a socket.
 */

import { Duplex } from "node:stream"
import type { PGlite } from "@electric-sql/pglite"

const SSL_REQUEST = 80_877_103
const CANCEL_REQUEST = 80_877_102
const TERMINATE = 0x58

/** The bytes at the start of `buffer` that are whole frontend messages; the first one of a connection has no type. */
const wholeMessages = (buffer: Buffer, started: boolean): number => {
  let end = 0
  let typed = started
  while (buffer.length >= end + (typed ? 5 : 4)) {
    const size = buffer.readInt32BE(end + (typed ? 1 : 0)) + (typed ? 1 : 0)
    if (buffer.length < end + size) break
    end += size
    // Nothing follows a first message that does not begin a session.
    if (!typed && size <= 16) break
    typed = true
  }
  return end
}

/**
 * One connection to `db`. PGlite has a single session, so whoever uses this keeps to one connection at a time; a
 * transaction that a lost connection left open is rolled back before the next one begins.
 */
export const connect = (db: PGlite): Duplex => {
  let pending: Buffer = Buffer.alloc(0)
  let started = false

  const answer = async (messages: Buffer): Promise<boolean> => {
    const code = started ? 0 : messages.readInt32BE(4)
    if (code === SSL_REQUEST) {
      stream.push("N")
      return true
    }
    if (code === CANCEL_REQUEST || messages[0] === TERMINATE) return false
    if (!started) {
      started = true
      await db.exec("rollback")
    }
    await db.runExclusive(() =>
      db.execProtocolRawStream(messages, { onRawData: (data) => void stream.push(Buffer.from(data)) })
    )
    return true
  }

  const stream: Duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
      const end = wholeMessages(pending, started)
      if (end === 0) return done()
      const messages = pending.subarray(0, end)
      pending = pending.subarray(end)
      answer(messages).then((goOn) => {
        if (!goOn) stream.push(null)
        done()
      }, done)
    }
  })
  return stream
}
