/**
 * A copy as a file: lines of JSON, compressed by gzip. First what it is a copy of; then each table with the names of its columns, and
 * its rows as arrays of Postgres's own texts, which any Postgres reads; last how many there are, and a digest of all that is before.
 */

import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { type FileHandle, open, rename, rm } from "node:fs/promises"
import { pipeline } from "node:stream"
import { promisify } from "node:util"
import { createGunzip, gzip } from "node:zlib"
import * as NodeStream from "@effect/platform-node/NodeStream"
import { Effect, Option, Predicate, Schema, Stream } from "effect"

/** The copy is not whole, or is none. */
export class CopyDamaged extends Schema.TaggedError<CopyDamaged>()("CopyDamaged", {
  file: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `${this.file} cannot be used as a copy: ${this.why}`
  }
}

/** The file cannot be written. */
export class CopyUnwritable extends Schema.TaggedError<CopyUnwritable>()("CopyUnwritable", {
  file: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `the copy cannot be written to ${this.file}: ${this.why}`
  }
}

const FORMAT = 1

const Header = Schema.Struct({
  gatehouse: Schema.Literal("copy"),
  format: Schema.Number,
  /** When, by the database's clock. */
  at: Schema.String,
  /** Versions of the migrations that the database had, oldest first. */
  migrations: Schema.Array(Schema.String)
})
export type Header = typeof Header.Type

const Table = Schema.Struct({ table: Schema.String, columns: Schema.Array(Schema.String) })
export type Table = typeof Table.Type

const Trailer = Schema.Struct({ rows: Schema.Number, sha256: Schema.String })

const decodeHeader = Schema.decodeOption(Schema.fromJsonString(Header))
const decodeTable = Schema.decodeOption(Schema.fromJsonString(Table))
const decodeTrailer = Schema.decodeOption(Schema.fromJsonString(Trailer))

/** Bytes that are compressed, written and read at once. */
const PIECE = 256 * 1024
const compress = promisify(gzip)

/** What a copy is written with; what is handed over is on its way to the disk piece by piece. */
export interface Writer {
  readonly table: (table: Table) => Effect.Effect<void, CopyUnwritable>
  /** Rows of the table that was told last, each an array in JSON. */
  readonly rows: (lines: ReadonlyArray<string>) => Effect.Effect<void, CopyUnwritable>
}

const whyOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))

/** Writes a file that only its owner may read, whole or not at all: until it is, and on the disk, it has another name. */
export const writeWhole = <A, E, R>(file: string, fill: (to: FileHandle, path: string) => Effect.Effect<A, E, R>) => {
  const unfinished = `${file}.${process.pid}.unfinished`
  const attempt = <B>(work: () => Promise<B>) =>
    Effect.tryPromise({ try: work, catch: (cause) => new CopyUnwritable({ file, why: whyOf(cause) }) })
  return Effect.acquireUseRelease(
    attempt(() => open(unfinished, "w", 0o600)),
    (to) =>
      Effect.gen(function* () {
        // One that was left behind may have been anybody's to read.
        yield* attempt(() => to.chmod(0o600))
        const filled = yield* fill(to, unfinished)
        yield* attempt(() => to.sync())
        yield* attempt(() => rename(unfinished, file))
        return filled
      }),
    // There is none of that name any more where all went well.
    (to) => Effect.promise(() => Promise.allSettled([to.close(), rm(unfinished, { force: true })]))
  )
}

/** Writes a copy, and answers how many rows it has. `fill` hands over the tables; it may hold a transaction meanwhile. */
export const write = Effect.fn("backup.write")(function* <E, R>(
  file: string,
  header: Omit<Header, "gatehouse" | "format">,
  to: FileHandle,
  fill: (writer: Writer) => Effect.Effect<void, E, R>
) {
  const digest = createHash("sha256")
  let [pending, rows] = ["", 0]

  const flush = Effect.suspend(() => {
    const text = pending
    pending = ""
    // Pieces one after the other are one gzip file (RFC 1952 §2.2), and each is made off the event loop.
    return Effect.tryPromise({
      try: async () => void (await to.write(await compress(text, { level: 6 }))),
      catch: (cause) => new CopyUnwritable({ file, why: whyOf(cause) })
    })
  })
  const put = (line: string) => {
    pending += `${line}\n`
  }
  const say = (line: string) => {
    digest.update(`${line}\n`)
    put(line)
  }

  say(JSON.stringify({ gatehouse: "copy", format: FORMAT, ...header }))
  yield* fill({
    table: ({ table, columns }) => Effect.sync(() => say(JSON.stringify({ table, columns }))),
    rows: (lines) =>
      Effect.suspend(() => {
        for (const line of lines) say(line)
        rows += lines.length
        return pending.length < PIECE ? Effect.void : flush
      })
  })
  put(JSON.stringify({ rows, sha256: digest.digest("hex") }))
  yield* flush
  return rows
})

/** What is done with a copy as it is read. */
export interface Reader<E, R> {
  readonly header: (header: Header) => Effect.Effect<void, E, R>
  readonly table: (table: Table) => Effect.Effect<void, E, R>
  /** Rows of the table that was told last, each an array in JSON. */
  readonly rows: (lines: ReadonlyArray<string>) => Effect.Effect<void, E, R>
}

const NO_COPY = "it is no copy of a Gatehouse, or its beginning is lost"
const CUT = "it ends in the middle, or was changed since it was made"

/** What zlib says of bytes that are not what it made, or not all of them. */
const isOfGzip = (cause: unknown) => Predicate.hasProperty(cause, "code") && String(cause.code).startsWith("Z_")

/** Reads a copy from its beginning, and fails at its end unless it is whole; how many rows it has. */
export const read = Effect.fn("backup.read")(function* <E, R>(file: string, reader: Reader<E, R>) {
  const damaged = (why: string) => new CopyDamaged({ file, why })
  const digest = createHash("sha256")
  let [isBegun, isEnded, rows] = [false, false, 0]

  const begin = (line: string) =>
    Option.match(decodeHeader(line), {
      onNone: () => Effect.fail(damaged(NO_COPY)),
      onSome: (header) =>
        header.format > FORMAT
          ? Effect.fail(damaged("a newer version of Gatehouse made it, so that is what can read it"))
          : Effect.suspend(() => {
              isBegun = true
              return reader.header(header)
            })
    })

  /** A line that is no row. */
  const turn = Effect.fnUntraced(function* (line: string) {
    const table = decodeTable(line)
    if (Option.isSome(table)) {
      digest.update(`${line}\n`)
      return yield* reader.table(table.value)
    }
    const trailer = Option.getOrUndefined(decodeTrailer(line))
    if (trailer?.rows !== rows || trailer.sha256 !== digest.digest("hex")) return yield* damaged(CUT)
    isEnded = true
  })

  const take = Effect.fnUntraced(function* (lines: ReadonlyArray<string>) {
    let batch: Array<string> = []
    const handOver = Effect.suspend(() => {
      const taken = batch
      batch = []
      rows += taken.length
      return taken.length === 0 ? Effect.void : reader.rows(taken)
    })
    for (const line of lines) {
      if (isEnded) return yield* damaged("something follows its end")
      if (!isBegun) {
        yield* begin(line)
        digest.update(`${line}\n`)
      } else if (line.startsWith("[")) {
        digest.update(`${line}\n`)
        batch.push(line)
      } else {
        yield* handOver
        yield* turn(line)
      }
    }
    yield* handOver
  })

  yield* NodeStream.fromReadable<Uint8Array, CopyDamaged>({
    // What ends one of the two ends the other, and is told by the second.
    evaluate: () => pipeline(createReadStream(file), createGunzip({ chunkSize: PIECE }), () => {}),
    onError: (cause) => damaged(!isOfGzip(cause) ? whyOf(cause) : isBegun ? CUT : NO_COPY)
  }).pipe(Stream.decodeText, Stream.splitLines, Stream.runForEachArray(take))
  if (!isEnded) return yield* damaged(CUT)
  return rows
})

/** Reads all of a copy and keeps nothing of it: it is whole, or this fails. */
export const inspect = Effect.fn("backup.inspect")(function* (file: string) {
  const tables = new Map<string, number>()
  let found: Header | undefined
  let current = ""
  const rows = yield* read(file, {
    header: (header) =>
      Effect.sync(() => {
        found = header
      }),
    table: ({ table }) =>
      Effect.sync(() => {
        current = table
        tables.set(table, 0)
      }),
    rows: (lines) => Effect.sync(() => void tables.set(current, (tables.get(current) ?? 0) + lines.length))
  })
  // A copy that was read to its end has begun with it.
  return { header: found as Header, tables, rows }
})
