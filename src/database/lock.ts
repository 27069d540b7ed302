/**
 * One process at a time on a data directory.
 *
 * The lock is a socket that the holder listens on, so it ends with the holder however that ends: after `kill -9` nobody
 * answers, and the next process takes the socket's place.
 */

import { createHash } from "node:crypto"
import { statSync, unlinkSync } from "node:fs"
import { connect, createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join, relative, resolve } from "node:path"
import { Effect, Result, Schema } from "effect"

/** Another process works on the data directory. */
export class DataDirInUse extends Schema.TaggedError<DataDirInUse>()("DataDirInUse", { dataDir: Schema.String }) {
  override get message() {
    return (
      `another process is using the embedded database in ${this.dataDir}. Stop it first, or give this one its own ` +
      "DATA_DIR; several processes on one database need DATABASE_URL."
    )
  }
}

// A socket's path holds about a hundred bytes; a long one is replaced by a name made of it.
const socketPath = (dataDir: string): string => {
  const absolute = resolve(dataDir)
  const name = createHash("sha256").update(absolute).digest("hex").slice(0, 16)
  if (process.platform === "win32") return `\\\\.\\pipe\\gatehouse-${name}`
  const inside =
    [relative("", join(absolute, "lock")), join(absolute, "lock")].sort((a, b) => a.length - b.length)[0] ?? ""
  return inside.length <= 100 ? inside : join(tmpdir(), `gatehouse-${name}.lock`)
}

const listen = (path: string) =>
  Effect.callback<Server, NodeJS.ErrnoException>((resume) => {
    const server = createServer((socket) => socket.destroy())
    server.once("error", (error) => resume(Effect.fail(error)))
    server.listen(path, () => resume(Effect.succeed(server)))
    server.unref()
  })

const answers = (path: string) =>
  Effect.callback<boolean>((resume) => {
    const socket = connect(path, () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.once("error", () => resume(Effect.succeed(false)))
  })

const inodeOf = (path: string) => Result.getSuccess(Result.try(() => statSync(path).ino))

/** Held until the scope closes. */
export const lockDataDir = Effect.fn("lockDataDir")(function* (dataDir: string) {
  const path = socketPath(dataDir)
  const inUse = new DataDirInUse({ dataDir })
  const take = Effect.acquireRelease(listen(path), (server) =>
    Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  )
  yield* take.pipe(
    Effect.catch(
      Effect.fnUntraced(function* (error) {
        if (error.code !== "EADDRINUSE" || (yield* answers(path))) return yield* inUse
        Result.try(() => unlinkSync(path))
        return yield* Effect.mapError(take, () => inUse)
      })
    )
  )
  // Of two processes that found the same dead socket, the later one has replaced the earlier one's.
  const mine = inodeOf(path)
  yield* Effect.sleep("50 millis")
  if (inodeOf(path)._tag !== mine._tag || String(inodeOf(path)) !== String(mine)) return yield* inUse
})
