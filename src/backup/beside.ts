/**
 * A copy of the embedded database while a server has it open: nobody else can, so the server makes it. It is asked over a socket in
 * the data directory, where only this user comes; there is no way to it from the network.
 */

import { chmodSync, createReadStream, createWriteStream, rmSync } from "node:fs"
import { createConnection, createServer, type Socket } from "node:net"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { Effect, Layer, Queue, Schema } from "effect"
import { ServerConfig } from "../config/ServerConfig.ts"
import { copyTo } from "./copy.sql.ts"
import { writeWhole } from "./file.ts"

/** The process that has the database open made no copy. */
export class NotCopied extends Schema.TaggedError<NotCopied>()("NotCopied", { dataDir: Schema.String }) {
  override get message() {
    return (
      `the process that has the embedded database in ${this.dataDir} open made no copy of it; its log may say why. Where it is no ` +
      "server, or one of an older version, stop it first."
    )
  }
}

const socketIn = (dataDir: string) => join(dataDir, "backup.sock")

/**
 * The copy is on this machine's disk before the first byte of it goes to whoever asked: while it is made everybody else waits for
 * the one connection that an embedded database has, and nobody may hold that.
 */
const answer = Effect.fn("backup.answer")(
  function* (socket: Socket, dataDir: string) {
    const spool = join(dataDir, "backup.spool")
    const rows = yield* Effect.ensuring(
      Effect.tap(
        writeWhole(spool, (to) => copyTo(spool, to)),
        Effect.tryPromise(() => pipeline(createReadStream(spool), socket))
      ),
      Effect.sync(() => rmSync(spool, { force: true }))
    )
    yield* Effect.logInfo("a copy was made").pipe(Effect.annotateLogs({ rows }))
  },
  Effect.catchCause((cause) => Effect.logError("a copy could not be made", cause)),
  (answering, socket) =>
    Effect.ensuring(
      answering,
      Effect.sync(() => socket.destroy())
    )
)

/** Answers those who ask for a copy, one after the other, while the server runs on an embedded database. */
export const CopiesForAsking = Layer.effectDiscard(
  Effect.gen(function* () {
    const { database } = yield* ServerConfig
    if (database._tag === "Postgres") return
    const { dataDir } = database
    const path = socketIn(dataDir)
    const asking = yield* Queue.unbounded<Socket>()
    const run = Effect.runForkWith(yield* Effect.context<never>())
    // What an earlier process left: this one holds the lock of the folder.
    rmSync(path, { force: true })
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const server = createServer((socket) => {
          // Who hung up is noticed when it is written to.
          socket.on("error", () => socket.destroy())
          Queue.offerUnsafe(asking, socket)
        })
        server.on("error", (error) => run(Effect.logWarning("no copy can be made while this server runs", error)))
        server.listen(path, () => chmodSync(path, 0o600))
        return server
      }),
      (server) => Effect.sync(() => server.close())
    )
    yield* Queue.take(asking).pipe(
      Effect.flatMap((socket) => answer(socket, dataDir)),
      Effect.forever,
      Effect.forkScoped
    )
  })
)

/** Writes to a file what the server sends of its database. Whether that is all is for the reader of the copy to find out. */
export const askFor = Effect.fn("backup.askFor")(function* (dataDir: string, path: string) {
  yield* Effect.tryPromise({
    try: () => pipeline(createConnection(socketIn(dataDir)), createWriteStream(path)),
    catch: () => new NotCopied({ dataDir })
  })
})
