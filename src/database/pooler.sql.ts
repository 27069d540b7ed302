/** What stands between us and the database. A pooler does not say what it is, so it is found out by trying. */

import { randomBytes } from "node:crypto"
import * as PgConnection from "@effect/sql-pg/PgConnection"
import { Effect, Queue, Schema } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { firstRow } from "./query.ts"

/** For every session, in milliseconds, so that no statement and no forgotten transaction holds others up. */
const LIMITS = { statement_timeout: "5000", lock_timeout: "2000", idle_in_transaction_session_timeout: "10000" }

/** A notification takes milliseconds where one arrives at all. */
const HEARD_WITHIN = "3 seconds"

/** What was met on the way to the database. */
export interface Met {
  /** `transaction` is also whatever does not deliver notifications: what a session needs cannot be relied on there. */
  readonly pooler: "none" | "session" | "transaction"
  /** What to say while connecting so that statements are limited; nothing where it would be refused. */
  readonly startupParameters: Readonly<Record<string, string>>
  /** Whether the database keeps our limits: a pooler may drop without a word what was said while connecting. */
  readonly isLimited: boolean
}

/** SQLSTATEs for a startup parameter that is unknown here, above all pgbouncer's 08P01. */
const REFUSED = new Set(["08P01", "0A000", "22023", "42704"])

const isRefused = ({ reason: { cause } }: SqlError): boolean =>
  cause instanceof Error && "code" in cause && REFUSED.has(String(cause.code))

const decodeSession = firstRow(Schema.Struct({ pid: Schema.Number, limited: Schema.Boolean }))

/** Whether one session hears what another one tells: behind a transaction pooler LISTEN belongs to nobody. */
export const hears = Effect.fnUntraced(
  function* (
    listen: PgConnection.PgConnection["listen"],
    notify: (channel: string, payload: string) => Effect.Effect<unknown, SqlError>
  ) {
    // A name that nobody else uses: a transaction pooler gives it to a session of somebody's.
    const channel = `gatehouse_${randomBytes(8).toString("hex")}`
    const queue = yield* listen(channel)
    yield* notify(channel, "heard")
    yield* Queue.take(queue)
    return true
  },
  Effect.scoped,
  Effect.timeout(HEARD_WITHIN),
  Effect.catch(() => Effect.succeed(false))
)

/**
 * Connects and asks. `pooler` is what was configured: `transaction` is taken at its word, `session` only when a second
 * connection is heard on the first.
 */
export const meet = Effect.fn("database.meet")(
  function* (options: PgConnection.Config, configured: "session" | "transaction") {
    const limited = configured === "session" ? LIMITS : {}
    const open = (startupParameters: Met["startupParameters"]) =>
      Effect.map(PgConnection.make({ ...options, startupParameters }), (connection) => ({
        connection,
        startupParameters
      }))
    const { connection, startupParameters } = yield* open(limited).pipe(Effect.catchIf(isRefused, () => open({})))
    const { rows } = yield* connection.query(
      "select pg_backend_pid() as pid, current_setting('statement_timeout') = '5s' as limited",
      [],
      false
    )
    const session = yield* decodeSession(Effect.succeed(rows))
    const canHear =
      configured === "session" &&
      (yield* PgConnection.make({ ...options, startupParameters }).pipe(
        Effect.flatMap(({ listen }) =>
          hears(listen, (...told) => connection.query("select pg_notify($1, $2)", told, false))
        ),
        // The connection that would be one too many: nothing can listen then.
        Effect.catchTag("SqlError", () => Effect.succeed(false))
      ))
    return {
      // A pooler answers for many sessions, so the number that it gives while connecting is its own.
      pooler: !canHear ? "transaction" : session?.pid === connection.processId ? "none" : "session",
      startupParameters,
      isLimited: session?.limited === true
    } satisfies Met
  },
  Effect.scoped,
  Effect.catchTag("SchemaError", Effect.die)
)
