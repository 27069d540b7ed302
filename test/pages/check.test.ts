import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { ServerConfig } from "../../src/config/ServerConfig.ts"
import { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import { CheckClient } from "../../src/pages/check.ts"
import { testApp } from "../support/app.ts"
import {
  authorizeParameters,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  request,
  rowCounts
} from "../support/client.ts"
import { browserOf, postPage, somebody, visitPage } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const withApp =
  (variables: Readonly<Record<string, string>> = {}) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.provide(effect, Layer.fresh(testApp(TestDatabase.quick, variables)))

const PUBLIC = { BASE_URL: "https://gate.example", MCP_ALLOWED_HOSTS: "localhost" }
const CHECK = { client_id: "gatehouse-check", redirect_uri: "https://gate.example/check", scope: "mcp.tools.call" }

describe("the test of the connection", () => {
  it.live("UI1 is for whoever is signed in, and asks the server from its script alone", () =>
    Effect.gen(function* () {
      const outside = yield* request("/check")
      assert.strictEqual(outside.status, 303)
      assert.strictEqual(outside.headers.get("location"), "/login?return_to=%2Fcheck")
      const { cookie } = yield* browserOf((yield* somebody("Ada")).id)
      const before = yield* rowCounts()
      const page = yield* visitPage("/check", cookie)
      assert.strictEqual(page.status, 200)
      assert.include(page.headers.get("content-security-policy"), "connect-src 'self'")
      assert.match(page.text, /data-check-missing>.*\n?.*needs its script/)
      assert.deepStrictEqual(yield* rowCounts(), before)
      assert.include((yield* visitPage("/", cookie)).text, 'href="/check"')
    }).pipe(withApp())
  )

  it.live("AZ2 its client is public, answers to its own page alone, and follows BASE_URL", () =>
    Effect.gen(function* () {
      const registry = yield* ClientRegistry
      const known = yield* registry.find(CHECK.client_id)
      assert.deepStrictEqual(known?.redirectUris, [CHECK.redirect_uri])
      assert.deepStrictEqual([known?.origin, known?.authMethods, known?.secret], ["configured", ["none"], undefined])
      const elsewhere = yield* getAuthorize(
        authorizeParameters(newPkce().challenge, { ...CHECK, redirect_uri: "https://gate.example/check/more" })
      )
      assert.deepStrictEqual([elsewhere.status, elsewhere.headers.get("location")], [400, null])

      const start = (variables: Readonly<Record<string, string>>) =>
        Effect.scoped(Layer.build(Layer.fresh(CheckClient).pipe(Layer.provide(ServerConfig.layerOf(variables)))))
      // What an owner did to it outlives a start.
      yield* registry.setDisabled(CHECK.client_id, true)
      yield* start(PUBLIC)
      yield* start({ BASE_URL: "https://moved.example" })
      const moved = yield* registry.find(CHECK.client_id)
      assert.deepStrictEqual(moved?.redirectUris, ["https://moved.example/check"])
      assert.isTrue(moved?.disabled)
    }).pipe(withApp(PUBLIC))
  )

  it.live("F3 asks for consent as any app does, and remembers it", () =>
    Effect.gen(function* () {
      const signedIn = yield* browserOf((yield* somebody("Ada")).id)
      const cookie = `__Host-${signedIn.cookie}`
      const ask = (challenge: string) => getAuthorize(authorizeParameters(challenge, CHECK), { cookie })
      const first = yield* ask(newPkce().challenge)
      assert.include(first.text, "Connect Connection test?")
      const { transaction, csrf_token } = formOf(first)
      const allowed = yield* postPage(
        "/authorize/decision",
        { cookie, csrf_token },
        { transaction, decision: "approve" }
      )
      assert.strictEqual(locationOf(allowed).href.split("?")[0], CHECK.redirect_uri)
      const { verifier, challenge } = newPkce()
      const code = locationOf(yield* ask(challenge)).searchParams.get("code") ?? ""
      const { client_id, redirect_uri } = CHECK
      assert.strictEqual((yield* exchange({ code, verifier }, { client_id, redirect_uri })).status, 200)
    }).pipe(withApp(PUBLIC))
  )
})
