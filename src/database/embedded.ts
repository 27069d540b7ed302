/**
 * The embedded Postgres (PGlite, in WASM) behind the same PgClient as any other: a duplex that speaks the wire protocol
 * to it instead of a socket.
 */

import {
  closeSync,
  cpSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync
} from "node:fs"
import { join } from "node:path"
import { Duplex } from "node:stream"
import { setFlagsFromString } from "node:v8"
import type { PGlite } from "@electric-sql/pglite"
import { Schema } from "effect"

/** One session needs few pages in memory; the operating system keeps the files. The default would hold 128 MiB for good. */
const SHARED_BUFFERS = ["-c", "shared_buffers=8MB"]

/** `-F`, which PGlite says, would answer before the disk has what was answered; `fsync` is the one way that it has to wait. */
const DURABLE = ["-c", "fsync=on", "-c", "wal_sync_method=fsync"]

/** The part of Emscripten's view of a folder that its types leave out. */
interface Syncing {
  readonly NODEFS: { readonly stream_ops: { fsync?: (stream: { readonly nfd?: number }) => number } }
}

/** The files of a database in a folder. Power may go at any moment: Postgres waits for the disk where it has to. */
const filesIn = async (folder: string) => {
  const { NodeFS } = await import("@electric-sql/pglite/nodefs")
  const waitForDisk = (module: unknown) => {
    // What PGlite hands to `preRun` is the module that it makes of Emscripten.
    const { stream_ops } = (module as Syncing).NODEFS
    stream_ops.fsync = ({ nfd }) => {
      if (nfd !== undefined) fsyncSync(nfd)
      return 0
    }
  }
  return new (class extends NodeFS {
    override async init(...args: Parameters<InstanceType<typeof NodeFS>["init"]>) {
      const { emscriptenOpts } = await super.init(...args)
      return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), waitForDisk] } }
    }
  })(folder)
}

/**
 * Opens or makes a database in a folder, or in memory. Loaded where it is used: a server on a Postgres of its own starts
 * sooner without it. `onPanic` is told why it ended by itself: it answers nothing from then on.
 */
export const openPGlite = async (dataDir?: string, onPanic: (why: string) => void = () => {}): Promise<PGlite> => {
  // To optimise one of its functions takes V8 600 MB and half a second of processor, and saves a sixth of a statement.
  for (const flag of ["--no-wasm-tier-up", "--no-wasm-dynamic-tiering"]) setFlagsFromString(flag)
  const { PGlite } = await import("@electric-sql/pglite")
  const complaints: Array<string> = []
  let isOpen = false
  // Postgres says why it does not start; PGlite says only that it does not.
  const hear = (line: string) => {
    const [, how, complaint = ""] = /(FATAL|PANIC|DETAIL): +(.+)/.exec(line) ?? []
    if (!isOpen && how !== undefined) complaints.push(complaint)
    if (isOpen && how === "PANIC") onPanic(complaint)
    return true
  }
  const db = await PGlite.create({
    ...(dataDir === undefined ? {} : { fs: await filesIn(dataDir) }),
    startParams: [...PGlite.defaultStartParams, ...SHARED_BUFFERS, ...(dataDir === undefined ? [] : DURABLE)],
    initDbStartParams: SHARED_BUFFERS,
    onStderr: hear
  }).catch((cause) => {
    throw complaints.length === 0 ? cause : new Error(complaints.join(": "), { cause })
  })
  isOpen = true
  return db
}

const decodeManifest = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Struct({ version: Schema.String })))

/** An empty database of this version of PGlite, beside the packages, where others than the installer cannot write. */
const templateOf = () => {
  const manifest = readFileSync(new URL("../package.json", import.meta.resolve("@electric-sql/pglite")), "utf8")
  return join(import.meta.dirname, `../../node_modules/.cache/gatehouse/postgres-${decodeManifest(manifest).version}`)
}

const syncFile = (path: string): void => {
  const file = openSync(path, "r")
  fsyncSync(file)
  closeSync(file)
}

/** Makes a folder whole or not at all: whatever ends this halfway, even the power, leaves none of that name. */
const makeWhole = async (folder: string, unfinished: string, fill: () => Promise<void> | void): Promise<void> => {
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true, mode: 0o700 })
  await fill()
  for (const entry of readdirSync(unfinished, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) syncFile(join(entry.parentPath, entry.name))
  }
  renameSync(unfinished, folder)
}

const fresh = (folder: string) => async () => (await openPGlite(folder)).close()

/** Makes the template, once: `initdb` takes seconds and 700 MB, which the first start is then spared. */
export const makeTemplate = async (): Promise<void> => {
  const template = templateOf()
  if (existsSync(template)) return
  const unfinished = `${template}.${process.pid}`
  await makeWhole(template, unfinished, fresh(unfinished))
}

/** Puts an empty database where there is none: a copy of the template if there is one. What else is there stays. */
export const provide = async (home: string, template = templateOf()): Promise<void> => {
  if (existsSync(join(home, "PG_VERSION"))) return
  if (existsSync(home)) {
    // PGlite would make a database anew, over the files of one that lost this file.
    if (readdirSync(home).length > 0)
      throw new Error(`${home} has files and no PG_VERSION, so it is no database, or was one`)
    rmdirSync(home)
  }
  const unfinished = `${home}.unfinished`
  const copy = () => cpSync(template, unfinished, { recursive: true })
  await makeWhole(home, unfinished, existsSync(template) ? copy : fresh(unfinished))
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
