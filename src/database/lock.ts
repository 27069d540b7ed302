/**
 * One process at a time on a data directory.
 *
 * The lock is the operating system's, on a file: it ends with its holder however that ends, and nobody has to find out
 * whether a holder still lives. Node has no call for it, but SQLite takes one for a transaction.
 */

import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Effect, Predicate, Schema } from "effect"

/** Another process works on the data directory. */
export class DataDirInUse extends Schema.TaggedError<DataDirInUse>()("DataDirInUse", { dataDir: Schema.String }) {
  override get message() {
    return (
      `another process is using the embedded database in ${this.dataDir}. Stop it first, or give this one its own ` +
      "DATA_DIR; several processes on one database need DATABASE_URL."
    )
  }
}

/** No database can be kept there. */
export class DataDirUnusable extends Schema.TaggedError<DataDirUnusable>()("DataDirUnusable", {
  dataDir: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `cannot keep a database in ${this.dataDir}: ${this.why}`
  }
}

const SQLITE_BUSY = 5
const isBusy = (error: unknown) => Predicate.hasProperty(error, "errcode") && error.errcode === SQLITE_BUSY

/** Held until the scope closes. */
export const lockDataDir = Effect.fn("lockDataDir")(function* (dataDir: string) {
  const refusal = (error: unknown) =>
    isBusy(error) ? new DataDirInUse({ dataDir }) : new DataDirUnusable({ dataDir, why: String(error) })
  const file = yield* Effect.acquireRelease(
    Effect.try({ try: () => new DatabaseSync(join(dataDir, "postgres.lock"), { timeout: 0 }), catch: refusal }),
    (file) => Effect.sync(() => file.close())
  )
  yield* Effect.try({ try: () => file.exec("begin exclusive"), catch: refusal })
})
