/**
 * The embedded Postgres (PGlite, in WASM) behind the same PgClient as any other: a duplex that speaks the wire protocol
 * to it instead of a socket.
 */

import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Duplex } from "node:stream"
import { setFlagsFromString } from "node:v8"
import type { PGlite } from "@electric-sql/pglite"
import { Schema } from "effect"

/** One session needs few pages in memory; the operating system keeps the files. The default would hold 128 MiB for good. */
const SHARED_BUFFERS = ["-c", "shared_buffers=8MB"]

/**
 * Opens or makes a database in a folder, or in memory. Loaded where it is used: a server on a Postgres of its own starts
 * sooner without it.
 */
export const openPGlite = async (dataDir?: string): Promise<PGlite> => {
  // To optimise one of its functions takes V8 600 MB and half a second of processor, and saves a sixth of a statement.
  for (const flag of ["--no-wasm-tier-up", "--no-wasm-dynamic-tiering"]) setFlagsFromString(flag)
  const { PGlite } = await import("@electric-sql/pglite")
  return PGlite.create({
    ...(dataDir === undefined ? {} : { dataDir }),
    startParams: [...PGlite.defaultStartParams, ...SHARED_BUFFERS],
    initDbStartParams: SHARED_BUFFERS
  })
}

const decodeManifest = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({ version: Schema.String })))

/** An empty database of this version of PGlite, beside the packages, where others than the installer cannot write. */
const templateOf = () => {
  const manifest = readFileSync(new URL("../package.json", import.meta.resolve("@electric-sql/pglite")), "utf8")
  return join(import.meta.dirname, `../../node_modules/.cache/gatehouse/postgres-${decodeManifest(manifest).version}`)
}

/** Makes the template, once: `initdb` takes seconds and 700 MB, which the first start is then spared. */
export const makeTemplate = async (): Promise<void> => {
  const template = templateOf()
  if (existsSync(template)) return
  const unfinished = `${template}.${process.pid}`
  mkdirSync(unfinished, { recursive: true, mode: 0o700 })
  const db = await openPGlite(unfinished)
  await db.close()
  renameSync(unfinished, template)
}

/** Puts an empty database into a folder that is not there yet, if there is a template; without one PGlite makes it. */
export const copyTemplate = (home: string): void => {
  const template = templateOf()
  if (existsSync(home) || !existsSync(template)) return
  const unfinished = `${home}.unfinished`
  rmSync(unfinished, { recursive: true, force: true })
  cpSync(template, unfinished, { recursive: true })
  renameSync(unfinished, home)
}

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
