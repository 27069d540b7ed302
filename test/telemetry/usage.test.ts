import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient } from "effect/sql"
import { httpRequests, toolCalls, toolDurations } from "../../src/telemetry/counts.ts"
import { BOUNDS, snapshotOf } from "../../src/telemetry/series.ts"
import { usageBetween } from "../../src/telemetry/usage/record.ts"
import { type Usage, UsageStore } from "../../src/telemetry/usage/UsageStore.ts"
import { TestApp, testApp } from "../support/app.ts"
import { browser, executablePath } from "../support/browser.ts"
import { obtainTokens } from "../support/client.ts"
import { audit } from "../support/pages.ts"
import { browserOf, somebody, visitPage } from "../support/people.ts"
import { clientOf, migratedDatabaseUrl, TestDatabase } from "../support/postgres.ts"

const SCREENSHOTS = join(import.meta.dirname, "../.screenshots")
const buckets = (over: Readonly<Record<number, number>>) =>
  Array.from({ length: BOUNDS.length + 1 }, (_, at) => over[at] ?? 0)
const usage = (over: Partial<Usage>): Usage => ({
  kind: "call",
  name: "calculator",
  outcome: "ok",
  count: 1,
  seconds: 0,
  buckets: [],
  ...over
})

describe("usage", () => {
  it("US1 is what came since the last look, of what is kept, and nothing where nothing came", () => {
    const families = [toolCalls, toolDurations, httpRequests]
    toolCalls.of("us1", "ok").value += 2
    const before = snapshotOf(families)
    assert.deepStrictEqual(usageBetween(before, snapshotOf(families)), [])
    toolCalls.of("us1", "ok").value += 3
    toolDurations.of("us1").observe(0.02)
    httpRequests.of("/mcp", "POST", "200").observe(1)
    assert.deepStrictEqual(usageBetween(before, snapshotOf(families)), [
      usage({ name: "us1", count: 3 }),
      usage({ kind: "call_time", name: "us1", outcome: "", seconds: 0.02, buckets: buckets({ 4: 1 }) })
    ])
  })
})

describe("usage of a server that ends", () => {
  it.live(
    "US5 is in the database by then",
    () =>
      Effect.gen(function* () {
        const database = PgClient.layerFrom(clientOf(yield* migratedDatabaseUrl)).pipe(Layer.provide(Reactivity.layer))
        yield* obtainTokens().pipe(Effect.provide(Layer.fresh(testApp(database))))
        const rows = yield* SqlClient.SqlClient.use(
          (sql) => sql`select name, count::int from mcp.usage_hourly where kind = 'token'`
        ).pipe(Effect.provide(Layer.fresh(database)))
        assert.deepStrictEqual(rows, [{ name: "authorization_code", count: 1 }])
      }).pipe(Effect.scoped),
    { timeout: 120_000 }
  )
})

layer(testApp(TestDatabase.quick, { USAGE_RETENTION_DAYS: "30" }), { excludeTestServices: true, timeout: "2 minutes" })(
  "usage, kept",
  (it) => {
    it.effect("US2 is added up by hour, by several at once; what is too old is swept", () =>
      Effect.gen(function* () {
        const store = yield* UsageStore
        const sql = yield* SqlClient.SqlClient
        const one = [
          usage({ count: 2 }),
          usage({ kind: "call_time", outcome: "", count: 2, seconds: 0.5, buckets: buckets({ 0: 1, 15: 1 }) }),
          usage({ kind: "sign_in", name: "password", outcome: "failed" })
        ]
        yield* Effect.all(
          Array.from({ length: 8 }, (_, at) => store.add(at % 2 === 0 ? one : [...one].reverse())),
          { concurrency: "unbounded" }
        )
        const { counts, durations } = yield* store.used("hour", 24)
        const told = counts.map(({ kind, name, outcome, count }) => [kind, name, outcome, count])
        assert.deepStrictEqual(told, [
          ["call", "calculator", "ok", 16],
          ["sign_in", "password", "failed", 8]
        ])
        assert.deepStrictEqual(
          durations.map(({ place, count }) => [place, count]).filter(([, count]) => count !== 0),
          [
            [0, 8],
            [15, 8]
          ]
        )
        yield* sql`insert into mcp.usage_hourly (hour, kind, name, outcome, count) values
          (date_trunc('hour', now() - interval '29 days'), 'call', 'older', 'ok', 1),
          (date_trunc('hour', now() - interval '31 days'), 'call', 'old', 'ok', 1)`
        assert.strictEqual(yield* store.sweep(1000), 1)
        assert.strictEqual(yield* store.sweep(1000), 0)
        const month = yield* store.used("day", 30)
        assert.includeMembers(
          month.counts.map(({ name }) => name),
          ["older", "calculator"]
        )
      })
    )

    it.effect("US3 is an owner's to see, and nobody else's", () =>
      Effect.gen(function* () {
        const owner = yield* somebody("Ada")
        const member = yield* somebody("Grace", "member")
        const page = yield* visitPage("/admin/usage", (yield* browserOf(owner.id)).cookie)
        assert.strictEqual(page.status, 200)
        assert.include(page.text, "16 answered")
        assert.include(page.text, "calculator")
        assert.notMatch(page.text, /<(rect|svg|text)[^>]* style=/)
        assert.strictEqual((yield* visitPage("/admin/usage", (yield* browserOf(member.id)).cookie)).status, 403)
      })
    )

    it.effect.skipIf(executablePath === undefined)(
      "US4 can be read by everybody, on a phone and on a screen, by day and by night",
      () =>
        Effect.gen(function* () {
          const { baseUrl, sql } = yield* TestApp
          const person = yield* somebody("Edith", "owner")
          const { cookie } = yield* browserOf(person.id)
          yield* sql`
            insert into mcp.usage_hourly (hour, kind, name, outcome, count, buckets)
            select date_trunc('hour', now()) - make_interval(hours => h), kind, name, outcome,
                   (amount * (1.2 + sin(h / 4.0)))::bigint,
                   case when kind = 'call_time' then array[(amount * 0.5)::bigint, 3, 5, amount, 9, 2, 4, 1, 0, 3, 0, 1, 0, 0, 0, 1] else '{}' end
            from generate_series(1, 700) h, (values
              ('call', 'calculator', 'ok', 420), ('call', 'get_weather', 'ok', 160), ('call', 'files__read_file', 'error', 60),
              ('call', 'search_web', 'defect', 12), ('call_time', 'calculator', '', 300), ('sign_in', 'password', 'ok', 9),
              ('sign_in', 'passkey', 'ok', 14), ('sign_in', 'password', 'failed', 3), ('token', 'refresh_token', '', 200),
              ('token', 'authorization_code', '', 12), ('refusal', 'failures', '', 6), ('refusal', 'event_loop', '', 2),
              ('upstream', 'files', 'ok', 120), ('upstream', 'files', 'slow', 5)) v (kind, name, outcome, amount)
            on conflict do nothing`
          mkdirSync(SCREENSHOTS, { recursive: true })
          const chromium = yield* browser
          const [name = "", value = ""] = cookie.split("=")
          for (const over of ["day", "month"]) {
            for (const width of [420, 1200]) {
              for (const colorScheme of ["light", "dark"] as const) {
                const problems = yield* Effect.promise(async () => {
                  const context = await chromium.newContext({ viewport: { width, height: 800 }, colorScheme })
                  await context.addCookies([{ name, value, url: baseUrl }])
                  const page = await context.newPage()
                  const complaints: Array<string> = []
                  page.on("console", (message) => complaints.push(message.text()))
                  await page.goto(`${baseUrl}/admin/usage?over=${over}`)
                  await page.screenshot({
                    path: `${SCREENSHOTS}/usage-${over}-${width}-${colorScheme}.png`,
                    fullPage: true
                  })
                  const found = await audit(page)
                  const wide = await page.evaluate(() => document.documentElement.scrollWidth)
                  await context.close()
                  return [...complaints, ...found, ...(wide > width ? [`${wide} px wide`] : [])]
                })
                assert.deepStrictEqual(problems, [], `${over} ${width} ${colorScheme}`)
              }
            }
          }
        }),
      { timeout: 240_000 }
    )
  }
)
