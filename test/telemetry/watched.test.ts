import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePort } from "../support/app.ts"
import { postForm } from "../support/client.ts"
import { ADA, onPostgres, setUp, signInAsAda } from "../support/connecting.ts"
import { parseExposition } from "../support/exposition.ts"
import { csrfOf, postPage, visitPage } from "../support/people.ts"
import { freshDatabaseUrl } from "../support/postgres.ts"
import { said, start } from "../support/program.ts"

interface Event {
  readonly id: string
  readonly event: string
  readonly person_id: string | null
}

describe("what an operator watches", () => {
  it.live(
    "MT10 EV2 sign-ins are counted by their way and outcome, and who follows events hears of each, once and in its order",
    () =>
      Effect.gen(function* () {
        const metricsPort = yield* freePort
        const DATABASE_URL = yield* freshDatabaseUrl
        const { on, program } = yield* onPostgres({
          DATABASE_URL,
          METRICS_PORT: String(metricsPort),
          LOG_LEVEL: "warn"
        })
        const [, code = ""] = yield* said(program, /\/setup#([\w-]+)/)
        const began = new Date(Date.now() - 60_000).toISOString()
        const follower = yield* start(
          "app/programs/admin.ts",
          { DATABASE_URL, LOG_LEVEL: "warn" },
          {
            args: ["events", "--since", began, "--follow"]
          }
        )
        const heard = () =>
          follower
            .output()
            .split("\n")
            .filter((line) => line.startsWith("{"))
            .map((line): Event => JSON.parse(line))
        yield* on(setUp(code))
        yield* said(follower, /"event":"owner_set_up"|"event":"signed_in"/)
        const before = heard().length

        const cookie = yield* on(signInAsAda)
        yield* on(postForm("/login", { email: ADA.email, password: "no" }))
        yield* on(postForm("/login", { email: "nobody@people.example", password: "no" }))
        const page = yield* on(visitPage("/account", cookie))
        yield* on(postPage("/logout", { cookie, csrf_token: csrfOf(page) }))
        yield* said(follower, /"event":"signed_out"/)
        const events = heard()
        assert.deepStrictEqual(
          events.slice(before).map(({ event }) => event),
          ["signed_in", "signed_out"]
        )
        const ids = events.map(({ id }) => BigInt(id))
        assert.deepStrictEqual(
          ids,
          [...new Set(ids)].sort((one, other) => (one < other ? -1 : 1))
        )
        follower.process.kill("SIGTERM")
        assert.strictEqual(yield* follower.exited, 0)

        const { of } = yield* Effect.promise(async () =>
          parseExposition(await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text())
        )
        assert.strictEqual(of("sign_ins_total", { way: "password", outcome: "ok" }), 1)
        assert.strictEqual(of("sign_ins_total", { way: "password", outcome: "failed" }), 2)
        assert.strictEqual(of("sign_ins_total", { way: "link", outcome: "ok" }), 1)
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )
})
