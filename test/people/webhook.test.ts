import { createHmac } from "node:crypto"
import { createServer } from "node:http"
import { text as textOf } from "node:stream/consumers"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import { testApp } from "../support/app.ts"
import { clientOf, migratedDatabaseUrl } from "../support/postgres.ts"

const SECRET = "a secret that only the receiver knows, too"

interface Received {
  readonly body: string
  readonly signature: string
  readonly status: number
}

/** A receiver that answers each delivery as it is told. */
const receiver = (statusOf: (delivery: number) => number) =>
  Effect.acquireRelease(
    Effect.callback<{ url: string; received: Array<Received>; close: () => void }>((resume) => {
      const received: Array<Received> = []
      const server = createServer(async (request, response) => {
        const body = await textOf(request)
        const status = statusOf(received.length)
        received.push({ body, signature: String(request.headers["gatehouse-signature"]), status })
        response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end()
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? address?.port : 0
        resume(
          Effect.succeed({
            url: `http://127.0.0.1:${port}/events`,
            received,
            close: () => {
              server.close()
              server.closeAllConnections()
            }
          })
        )
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const eventsOf = ({ body }: Received): ReadonlyArray<Record<string, unknown>> => JSON.parse(body).events
const until = (holds: () => boolean) =>
  Effect.repeat(Effect.sync(holds), { until: (isSo) => isSo, schedule: Schedule.spaced("20 millis") })
/** Events of which all is settled. */
const happened = (...names: ReadonlyArray<string>) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.forEach(
      names,
      (name) => sql`insert into mcp.audit_events (event, at) values (${name}, clock_timestamp() - interval '1 minute')`,
      { discard: true }
    )
  )
const cursorIsAtEnd = SqlClient.SqlClient.use(
  (sql) => sql`select 1 from mcp.event_cursors where last_id = (select max(id) from mcp.audit_events)`
).pipe(Effect.map((rows) => rows.length === 1))
const begun = SqlClient.SqlClient.use((sql) => sql`select 1 from mcp.event_cursors`).pipe(
  Effect.repeat({ until: (rows) => rows.length === 1, schedule: Schedule.spaced("20 millis") })
)

describe("events by webhook", () => {
  it.live(
    "EV2 are told in their order, signed, again where they were not taken, and by one instance from where the last one was",
    () =>
      Effect.gen(function* () {
        const { url, received } = yield* receiver((delivery) => [500, 302, 204][delivery] ?? 200)
        const database = PgClient.layerFrom(clientOf(yield* migratedDatabaseUrl))
        const instance = testApp(database.pipe(Layer.provide(Reactivity.layer)), {
          EVENTS_WEBHOOK_URL: url,
          EVENTS_WEBHOOK_SECRET: SECRET
        })
        yield* Effect.gen(function* () {
          yield* begun
          yield* happened("one", "two", "three")
          yield* until(() => received.length >= 3)
          for (const { body, signature } of received) {
            const [, seconds = "", code = ""] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? []
            assert.strictEqual(code, createHmac("sha256", SECRET).update(`${seconds}.${body}`).digest("hex"))
          }
          // Twice not taken, then taken: the same each time.
          for (const delivery of received.slice(0, 3)) {
            assert.includeMembers(
              eventsOf(delivery).map(({ event }) => event),
              ["one", "two", "three"]
            )
          }
          yield* Effect.repeat(cursorIsAtEnd, { until: (isSo) => isSo, schedule: Schedule.spaced("20 millis") })
        }).pipe(Effect.provide(instance))
        const before = received.length
        // Another instance, and a third beside it.
        yield* Effect.gen(function* () {
          yield* happened("four", "five")
          yield* until(() => received.slice(before).flatMap(eventsOf).length >= 2)
          yield* Effect.repeat(cursorIsAtEnd, { until: (isSo) => isSo, schedule: Schedule.spaced("20 millis") })
          assert.deepStrictEqual(
            received.slice(before).flatMap((delivery) => eventsOf(delivery).map(({ event }) => event)),
            ["four", "five"]
          )
        }).pipe(Effect.provide(Layer.merge(instance, Layer.fresh(instance))))
        const ids = received
          .filter(({ status }) => status < 300)
          .flatMap(eventsOf)
          .map(({ id }) => Number(id))
        assert.deepStrictEqual(
          ids,
          [...new Set(ids)].sort((one, other) => one - other)
        )
      }).pipe(Effect.scoped),
    { timeout: 240_000 }
  )
})
