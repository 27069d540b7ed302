import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import { StoreUnavailable } from "../../src/database/query.ts"
import { makeCallerOf } from "../../src/mcp/caller.ts"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import { Subjects } from "../../src/oauth/Subjects.ts"
import { TestApp, testApp } from "../support/app.ts"
import {
  authorizeParameters,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  messageOf,
  newPkce,
  obtainTokens,
  rpc
} from "../support/client.ts"
import { geocoder } from "../support/geocoder.ts"
import { browserOf, postPage, somebody } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"
import { withWhoCalls } from "../support/toolset.ts"
import { answerJson, upstream } from "../support/upstream.ts"
import { forecast } from "../support/weather.ts"

const SCOPE = "mcp.tools.call mcp.web.read"

/** Lets the demo client in for a person; its access token. */
const connect = Effect.fn("connect")(function* (personId: string) {
  const { cookie } = yield* browserOf(personId)
  const pkce = newPkce()
  const page = yield* getAuthorize(authorizeParameters(pkce.challenge, { scope: SCOPE }), { cookie })
  const { transaction, csrf_token } = formOf(page)
  const allowed = { transaction, decision: "approve", "scope:mcp.web.read": "on" }
  const answer = yield* postPage("/authorize/decision", { cookie, csrf_token }, allowed)
  const code = locationOf(answer).searchParams.get("code") ?? ""
  return (yield* exchange({ code, verifier: pkce.verifier })).body.access_token as string
})

/** A call as either era makes it. */
const ERAS = {
  "2025-11-25": (token: string, name: string, args: unknown) => rpc(token, "tools/call", { name, arguments: args }),
  "2026-07-28": (token: string, name: string, args: unknown) => {
    const meta = "io.modelcontextprotocol"
    const _meta = { [`${meta}/protocolVersion`]: "2026-07-28", [`${meta}/clientCapabilities`]: {} }
    const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": name }
    return rpc(token, "tools/call", { name, arguments: args, _meta }, headers)
  }
} as const

describe("a tool that wants to know who calls", () => {
  it.effect("is told why the person is not known, who is not looked up before", () =>
    Effect.gen(function* () {
      let asked = 0
      const claimsOf = () => {
        asked++
        return Effect.fail(new StoreUnavailable({ cause: new Error("down") }))
      }
      const callerOf = yield* makeCallerOf().pipe(Effect.provideService(Subjects, { claimsOf }))
      const from = { sessionId: "a session", resource: "https://gate.example/mcp", expiresAt: new Date(0) }
      const caller = callerOf({ subject: "somebody", clientId: "demo", scopes: [], ...from })
      const { subject, clientId, scopes } = caller
      assert.deepStrictEqual({ subject, clientId, scopes }, { subject: "somebody", clientId: "demo", scopes: [] })
      assert.strictEqual(asked, 0)
      const { message } = yield* Effect.flip(caller.person)
      assert.strictEqual(message, "Who is asking could not be looked up. Try again in a moment.")
      assert.strictEqual(asked, 1)
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )

  for (const lane of ["on", "off"]) {
    for (const [era, call] of Object.entries(ERAS)) {
      const whoCalls = (token: string) =>
        Effect.map(call(token, "who_calls", {}), (answer) => messageOf(answer).result.structuredContent)

      it.live(`is told the person, the client and what was granted (${era}, the fast lane ${lane})`, () =>
        Effect.gen(function* () {
          const demo = yield* obtainTokens({ scope: SCOPE })
          const client = { clientId: "demo", scopes: SCOPE.split(" ") }
          assert.deepStrictEqual(yield* whoCalls(demo.access_token), { subject: "demo", ...client })

          const [ada, bob] = [yield* somebody("Ada"), yield* somebody("Bob", "member")]
          const [adas, bobs] = [yield* connect(ada.id), yield* connect(bob.id)]
          const known = { subject: ada.id, ...client, name: "Ada", email: "ada@people.example" }
          assert.deepStrictEqual(yield* whoCalls(adas), known)
          // At once, so that neither is told who the other one is.
          const both = yield* Effect.all([bobs, adas, bobs].map(whoCalls), { concurrency: "unbounded" })
          assert.deepStrictEqual(
            both.map(({ name }) => name),
            ["Bob", "Ada", "Bob"]
          )

          // Nobody vouches for the address any more.
          const { sql } = yield* TestApp
          yield* sql`update mcp.people set email_verified_by = null where id = ${ada.id}::uuid`.pipe(Effect.orDie)
          const { email: _, ...unverified } = known
          assert.deepStrictEqual(yield* whoCalls(adas), unverified)
        }).pipe(Effect.provide(testApp(TestDatabase.quick, { MCP_FAST_LANE: lane }, PublicWeb.layer, withWhoCalls)))
      )
    }

    it.live(`nothing of the caller is in what the tools ask of others (the fast lane ${lane})`, () =>
      Effect.gen(function* () {
        const places = yield* upstream(geocoder())
        const forecasts = yield* upstream(answerJson(forecast))
        const results = yield* upstream(answerJson({ web: { results: [] } }))
        yield* Effect.gen(function* () {
          const ada = yield* somebody("Ada")
          const token = yield* connect(ada.id)
          for (const call of Object.values(ERAS)) {
            yield* call(token, "get_weather", { location: "Paris" })
            yield* call(token, "search_web", { query: "effect" })
          }
          const asked = [places, forecasts, results].map(({ asked }) => asked)
          for (const requests of asked) assert.isAbove(requests.length, 0)
          const sent = JSON.stringify(asked).toLowerCase()
          for (const secret of [ada.id, ada.name, ada.email, "demo", token]) {
            assert.notInclude(sent, secret.toLowerCase())
          }
        }).pipe(
          Effect.provide(
            testApp(TestDatabase.quick, {
              MCP_FAST_LANE: lane,
              WEATHER_GEOCODING_URL: `${places.url}/v1/search`,
              WEATHER_FORECAST_URL: `${forecasts.url}/v1/forecast`,
              BRAVE_API_KEY: "a key",
              SEARCH_BASE_URL: results.url
            })
          )
        )
      }).pipe(Effect.scoped)
    )
  }
})
