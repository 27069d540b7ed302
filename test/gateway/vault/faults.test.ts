import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { PublicWeb } from "../../../src/net/PublicWeb.ts"
import { TestApp } from "../../support/app.ts"
import { type Answer, messageOf, rpc } from "../../support/client.ts"
import { behind, both } from "../../support/gatehouseBehind.ts"
import { type Deed, loseEachStatement, losing } from "../../support/losses.ts"
import { known, mountedApp, tokenOf } from "../../support/mountedApp.ts"
import { postPage, somebody, visitPage } from "../../support/people.ts"

type There = Effect.Success<typeof behind>["there"]
type Services = Layer.Success<ReturnType<typeof mountedApp>>

/** What there is of sign-ins at servers. */
const state = Effect.gen(function* () {
  const { sql } = yield* TestApp
  const rows = yield* sql<{ what: string; count: number }>`
    select 'begun' as what, count(*)::int as count from mcp.server_sign_ins
    union all select 'links', count(*)::int from mcp.server_links`.pipe(Effect.orDie)
  return new Map(rows.map(({ what, count }) => [what, count]))
})

let people = 0
const person = (there: There) => both(`P${++people}`, there)

const isRedirect = ({ status }: Answer) => status === 303
const finish = (cookie: string, back: URL) => visitPage(back.pathname + back.search, cookie)

const deeds = (there: There): Readonly<Record<string, Deed<Services>>> => ({
  "leaves for a server": {
    begin: Effect.gen(function* () {
      const { cookie, csrf_token } = yield* person(there)
      const act = postPage("/account/servers/connect", { cookie, csrf_token }, { server: "drive" })
      return { act, again: () => act }
    }),
    isDone: isRedirect
  },
  "comes back from there": {
    begin: Effect.gen(function* () {
      const { cookie, signInThere } = yield* person(there)
      const { back } = yield* signInThere
      const again = () =>
        Effect.gen(function* () {
          const answer = yield* finish(cookie, back)
          if (isRedirect(answer)) return answer
          // What came back is good once. It was done, or it is begun anew.
          const page = yield* visitPage("/account/servers", cookie)
          if (page.text.includes(">signed in<")) return { ...page, status: 303 }
          return yield* finish(cookie, (yield* signInThere).back)
        })
      return { act: finish(cookie, back), again }
    }),
    between: ["-1 begun"],
    isDone: isRedirect
  },
  "has tokens that are renewed": {
    begin: Effect.gen(function* () {
      const { here, cookie, signInThere } = yield* person(there)
      yield* finish(cookie, (yield* signInThere).back)
      yield* known("drive")
      const token = yield* tokenOf(here.id, ["mcp.tools.call", "mcp.drive"])
      const call = rpc(token, "tools/call", { name: "drive__who_calls", arguments: {} })
      yield* call
      const { sql } = yield* TestApp
      yield* sql`update mcp.server_links set expires_at = now() + interval '10 seconds' where person_id = ${here.id}`
      const issued = there(
        Effect.flatMap(TestApp, ({ sql }) => Effect.orDie(sql`select 1 from mcp.oauth_access_tokens`))
      ).pipe(Effect.map((all) => all.length))
      const before = yield* issued
      const again = () =>
        Effect.tap(
          call,
          // A refresh token is shown once, or whoever watches for reuse ends it all (RFC 9700 §4.14.2).
          Effect.gen(function* () {
            assert.strictEqual(yield* issued, before + 1)
          })
        )
      return { act: call, again }
    }),
    isDone: (answer) => answer.status === 200 && messageOf(answer).result.structuredContent?.subject !== undefined,
    isUndone: (answer) =>
      answer.status === 503 || /cannot reach its database/.test(messageOf(answer).result?.content?.[0]?.text ?? "")
  },
  "leaves it for good": {
    begin: Effect.gen(function* () {
      const { cookie, csrf_token, signInThere } = yield* person(there)
      yield* finish(cookie, (yield* signInThere).back)
      const act = postPage("/account/servers/disconnect", { cookie, csrf_token }, { server: "drive" })
      return { act, again: () => act }
    }),
    isDone: isRedirect
  }
})

describe("a person at a server behind this one, where the database is lost at any statement:", () => {
  for (const name of [
    "leaves for a server",
    "comes back from there",
    "has tokens that are renewed",
    "leaves it for good"
  ]) {
    it.live(
      name,
      () =>
        Effect.gen(function* () {
          const { baseUrl, there } = yield* behind
          const { database, proxy } = yield* losing
          const drive = { url: `${baseUrl}/mcp`, auth: "oauth", title: "Drive" }
          yield* Effect.gen(function* () {
            yield* somebody("Ada")
            yield* there(somebody("Ada"))
            const deed = deeds(there)[name]
            if (deed !== undefined) yield* loseEachStatement(deed, state, proxy)
          }).pipe(Effect.provide(Layer.fresh(mountedApp(() => ({ drive }), {}, PublicWeb.layer, database))))
        }).pipe(Effect.scoped),
      { timeout: 300_000 }
    )
  }
})
