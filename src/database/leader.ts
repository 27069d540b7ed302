/**
 * Which of several servers takes writes. Each is asked before it is believed, and the one that leads every second, on a
 * connection of its own. A Postgres that leads can only become a standby by a new start, which ends its connections; one that is
 * out of reach keeps them open, so they are closed here when another one leads.
 */

import { connect, Socket } from "node:net"
import * as PgConnection from "@effect/sql-pg/PgConnection"
import { type Array as Arr, Cause, Effect, Redacted, Schedule, Schema } from "effect"
import { placeOf, whereOf } from "../config/databaseUrl.ts"
import { whyOf, within } from "./query.ts"
import { sslOption, tlsRequest } from "./tls.ts"

/** A leader that says nothing for so long is one no more. */
const ANSWERS_WITHIN_MS = 2000
const ASKED_EVERY = "1 second"
const SOUGHT_EVERY = "250 millis"
const KEEP_ALIVE_MS = 15_000

/** Nobody takes writes, or not who was asked. */
export class NoLeader extends Schema.TaggedError<NoLeader>()("NoLeader", { message: Schema.String }) {}

/** A server, and how the connection to it is protected. */
const reach = Effect.fnUntraced(function* (url: URL, caFile: string | undefined) {
  const { host, port } = placeOf(url)
  return { url, ssl: yield* sslOption(yield* tlsRequest(url, caFile), host, port) }
})
type Reached = Effect.Success<ReturnType<typeof reach>>

/** What of a connection's settings depends on the server that it is to. */
export type Way = Pick<PgConnection.Config, "url" | "ssl" | "stream">

/** Settings that go this way, which is read anew for each connection: to copy them is to stay with one server. */
export const by = <A extends object>(way: Way, settings: A): A & Way => ({
  ...settings,
  get url() {
    return way.url
  },
  get ssl() {
    return way.ssl
  },
  get stream() {
    return way.stream
  }
})

/** To the one server that there is. */
export const wayTo = (url: URL, caFile: string | undefined) =>
  Effect.map(reach(url, caFile), ({ ssl }): Way => ({ url: Redacted.make(url.href), ssl }))

const socketTo = (url: URL): Socket => {
  const { host, port } = placeOf(url)
  if (host.startsWith("/")) return connect(`${host}/.s.PGSQL.${port}`)
  return connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS })
}

const ask = Effect.fnUntraced(function* (connection: PgConnection.PgConnection) {
  const asking = connection.query("select current_setting('transaction_read_only') as read_only", [], false)
  const { rows } = yield* within(ANSWERS_WITHIN_MS)(asking)
  if (rows[0]?.read_only !== "off") return yield* new NoLeader({ message: "it takes no writes" })
})

/** The way to whoever leads, as long as the scope is open; somebody does when this returns. */
export const followLeader = Effect.fn("database.followLeader")(function* (
  urls: Arr.NonEmptyReadonlyArray<URL>,
  caFile: string | undefined,
  options: PgConnection.Config
) {
  let leader: Reached | undefined
  const open = new Map<Socket, string>()

  const connected = Effect.fnUntraced(function* ({ url, ssl }: Reached) {
    const own = { ...options, url: Redacted.make(url.href), ssl, connectTimeout: ANSWERS_WITHIN_MS }
    const connection = yield* PgConnection.make(own)
    yield* ask(connection)
    return connection
  })

  const seek = Effect.raceAll(
    urls.map((url) =>
      reach(url, caFile).pipe(
        Effect.tap(connected),
        Effect.scoped,
        Effect.mapError((error) => new NoLeader({ message: `${whereOf([url])}: ${whyOf(error)}` }))
      )
    )
  ).pipe(
    Effect.catchCause((cause) => {
      const whys = cause.reasons.flatMap((reason) => (Cause.isFailReason(reason) ? [reason.error.message] : []))
      return whys.length === 0 ? Effect.failCause(cause) : new NoLeader({ message: whys.join("; ") })
    })
  )

  const lead = (reached: Reached) => {
    leader = reached
    for (const [socket, host] of open) if (host !== reached.url.host) socket.destroy()
  }

  /** Ends by failing. */
  const stay = Effect.fnUntraced(function* (reached: Reached) {
    const connection = yield* connected(reached)
    return yield* Effect.forever(Effect.delay(ask(connection), ASKED_EVERY))
  }, Effect.scoped)

  const follow = Effect.fnUntraced(function* (first: Reached) {
    for (let current = first; ; ) {
      const error = yield* Effect.flip(stay(current))
      // What is open to it may outlive this; what is opened waits for whoever leads.
      leader = undefined
      yield* Effect.logWarning(`${whereOf([current.url])} does not lead the database any more: ${whyOf(error)}`)
      current = yield* Effect.retry(seek, Schedule.spaced(SOUGHT_EVERY))
      lead(current)
      yield* Effect.logWarning(`${whereOf([current.url])} leads the database`)
    }
  })

  const first = yield* seek
  lead(first)
  yield* Effect.forkScoped(follow(first))

  return {
    get url() {
      return Redacted.make((leader?.url ?? urls[0]).href)
    },
    get ssl() {
      return leader?.ssl ?? false
    },
    get stream() {
      const to = leader?.url
      return () => {
        if (to === undefined) return new Socket().destroy(new Error("no server of DATABASE_URL takes writes"))
        const socket = socketTo(to)
        open.set(socket, to.host)
        return socket.once("close", () => open.delete(socket))
      }
    }
  } satisfies Way
})
