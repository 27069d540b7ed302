/**
 * The network between us and Postgres, with its faults. It reads as much of the wire protocol as it takes to know which
 * statement each Sync is behind, and whether that makes a write durable: a COMMIT, or a statement that writes outside a
 * transaction.
 */

import { connect, createServer, type Socket } from "node:net"
import { Effect } from "effect"

/** What becomes of a connection at a statement. */
export type Fate =
  /** Nothing happens to it. */
  | "passed"
  /** It is reset, and Postgres never hears of it. */
  | "unsent"
  /** It is reset with what was asked on its way: it may be done or not. */
  | "unknown"
  /** It is reset when Postgres has answered: it is done, and nobody is told. */
  | "unanswered"

/** `transaction` is what was asked in it so far. */
export type FateOf = (statement: string, isDurable: boolean, transaction: string) => Fate

export interface PostgresProxy {
  readonly port: number
  /** Decides over each statement from now on. */
  readonly decide: (fateOf: FateOf) => void
  /** How many milliseconds everything takes from now on, each way. */
  readonly delay: (milliseconds: number) => void
  /** Everything that is open is reset, and nothing opens until it is mended. */
  readonly cut: () => void
  readonly mend: () => void
  /** Everything stays open and nothing passes, new connections too; and goes on. */
  readonly hush: () => void
  readonly speak: () => void
  /**
   * What is open stays so on our side alone, and what is said there is heard by nobody: half open. All of it, or the connections
   * whose latest statement is such a one.
   */
  readonly halfOpen: (isMeant?: (statement: string) => boolean) => void
  /** Resets what is open, once. */
  readonly reset: () => void
}

const text = (bytes: Buffer, from: number) => bytes.toString("utf8", from, bytes.indexOf(0, from))

/** Whether a statement changes rows; ours are written in lower case. */
const isWrite = (statement: string) => /\b(insert into|update|delete from)\b/.test(statement)

/** Follows what a client says, and tells the statement behind every Sync. */
const makeReader = (onSync: (...asked: Parameters<FateOf>) => void) => {
  const prepared = new Map<string, string>()
  let pending: Buffer = Buffer.alloc(0)
  let hasBegun = false
  let isInTransaction = false
  let transaction = ""
  let statement = ""

  const read = (type: string, body: Buffer) => {
    if (type === "P") {
      const name = text(body, 0)
      prepared.set(name, text(body, Buffer.byteLength(name) + 1))
    } else if (type === "B") {
      const portal = text(body, 0)
      statement = prepared.get(text(body, Buffer.byteLength(portal) + 1)) ?? ""
    } else if (type === "S") {
      const isEnd = statement === "COMMIT"
      if (statement === "BEGIN") {
        isInTransaction = true
        transaction = ""
      } else if (isEnd || statement === "ROLLBACK") isInTransaction = false
      onSync(statement, isEnd || (!isInTransaction && isWrite(statement)), transaction)
      if (isInTransaction) transaction += statement
      statement = ""
    }
  }

  return (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (;;) {
      // The first message has no type: it begins with its length.
      const at = hasBegun ? 1 : 0
      if (pending.length < at + 4) return
      const length = at + pending.readUInt32BE(at)
      if (pending.length < length) return
      if (hasBegun) read(String.fromCharCode(pending[0] ?? 0), pending.subarray(5, length))
      hasBegun = true
      pending = pending.subarray(length)
    }
  }
}

export const postgresProxy = (host: string, port: number) =>
  Effect.acquireRelease(
    Effect.callback<PostgresProxy & { readonly close: () => void }>((resume) => {
      interface Link {
        readonly ours: Socket
        readonly theirs: Socket
        /** What waits while nothing may pass. */
        readonly held: Array<() => void>
        latest: string
        isHalf: boolean
      }
      const open = new Set<Link>()
      let fateOf: FateOf = () => "passed"
      let milliseconds = 0
      let isCut = false
      let isSilent = false

      const destroy = ({ ours, theirs }: Link) => {
        ours.resetAndDestroy()
        theirs.destroy()
      }

      const server = createServer((ours) => {
        // A reset is what is tried here.
        ours.on("error", () => ours.destroy())
        if (isCut) return void ours.resetAndDestroy()
        const theirs = connect(port, host)
        const link: Link = { ours, theirs, held: [], latest: "", isHalf: false }
        open.add(link)
        let isDoomed = false
        let isUnsent = false

        /** In order, and late if that is what is tried. */
        const pass = (to: Socket, chunk: Buffer, then = () => {}) => {
          const go = () => {
            if (!to.destroyed) to.write(chunk)
            then()
          }
          if (isSilent) link.held.push(go)
          else if (milliseconds > 0) setTimeout(go, milliseconds)
          else go()
        }
        const read = makeReader((...asked) => {
          const fate = fateOf(...asked)
          link.latest = asked[0]
          if (fate === "unanswered") isDoomed = true
          if (fate === "unsent") isUnsent = true
          if (fate === "unknown") setImmediate(() => destroy(link))
        })
        ours.on("data", (chunk: Buffer) => {
          if (link.isHalf) return
          read(chunk)
          if (isUnsent) return destroy(link)
          pass(theirs, chunk)
        })
        theirs.on("data", (chunk: Buffer) => {
          if (isDoomed) return destroy(link)
          pass(ours, chunk)
        })
        ours.on("close", () => {
          open.delete(link)
          theirs.destroy()
        })
        theirs.on("error", () => theirs.destroy())
        theirs.on("close", () => {
          if (!link.isHalf) ours.destroy()
        })
      })

      const destroyAll = () => {
        for (const link of [...open]) destroy(link)
      }
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(
          Effect.succeed({
            port: typeof address === "object" ? (address?.port ?? 0) : 0,
            decide: (another) => {
              fateOf = another
            },
            delay: (much) => {
              milliseconds = much
            },
            cut: () => {
              isCut = true
              destroyAll()
            },
            mend: () => {
              isCut = false
            },
            hush: () => {
              isSilent = true
            },
            speak: () => {
              isSilent = false
              for (const { held } of open) for (const go of held.splice(0)) go()
            },
            halfOpen: (isMeant = () => true) => {
              for (const link of open) {
                if (!isMeant(link.latest)) continue
                link.isHalf = true
                link.theirs.destroy()
              }
            },
            reset: destroyAll,
            close: () => {
              destroyAll()
              server.close()
            }
          })
        )
      })
    }),
    (proxy) => Effect.sync(proxy.close)
  )
