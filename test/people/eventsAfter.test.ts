import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { People } from "../../src/people/People.ts"
import { testApp } from "../support/app.ts"
import { TestDatabase } from "../support/postgres.ts"

layer(testApp(TestDatabase.quick), { excludeTestServices: true, timeout: "2 minutes" })("events, read on", (it) => {
  it.effect("EV1 come in their order, each once, and not before all that began earlier is settled", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const { eventsAfter } = yield* People
      yield* sql`delete from mcp.audit_events`
      yield* sql`insert into mcp.audit_events (event, at, detail)
        select 'was', clock_timestamp() - interval '1 hour' + make_interval(mins => n), jsonb_build_object('n', n)
        from generate_series(1, 5) n`
      yield* sql`insert into mcp.audit_events (event) values ('is')`
      const first = yield* eventsAfter({ limit: 3 })
      const rest = yield* eventsAfter({ after: first.at(-1)?.id, limit: 100 })
      assert.deepStrictEqual(
        [...first, ...rest].map(({ event, detail }) => [event, detail]),
        [1, 2, 3, 4, 5].map((n) => ["was", { n }])
      )
      const since = yield* eventsAfter({ since: first[1]?.at, limit: 100 })
      assert.deepStrictEqual(
        since.map(({ id }) => id),
        [...first.slice(1), ...rest].map(({ id }) => id)
      )
      // Ten seconds later, as the database has it.
      yield* sql`update mcp.audit_events set at = at - interval '11 seconds' where event = 'is'`
      const settled = yield* eventsAfter({ after: rest.at(-1)?.id, limit: 100 })
      assert.deepStrictEqual(
        settled.map(({ event }) => event),
        ["is"]
      )
    })
  )
})
