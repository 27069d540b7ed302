import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import type { PublicWeb } from "../../../src/net/PublicWeb.ts"
import { snapshots } from "../../../src/oauth/clients/snapshots.ts"
import { TestApp, testApp } from "../../support/app.ts"
import {
  authorizeParameters,
  decide,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  rowCounts
} from "../../support/client.ts"
import { TestDatabase } from "../../support/postgres.ts"
import { jsonPage, testWeb } from "../../support/publicWeb.ts"

const documentOf = (client_id: string, over: Readonly<Record<string, unknown>> = {}) => ({
  client_id,
  client_name: "A described app",
  redirect_uris: ["http://127.0.0.1/callback"],
  grant_types: ["authorization_code", "refresh_token"],
  response_types: ["code"],
  token_endpoint_auth_method: "none",
  ...over
})

const withApp =
  (web: Layer.Layer<PublicWeb>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.provide(effect, testApp(TestDatabase.quick, {}, web))

const consentPage = (over: Readonly<Record<string, string>>) =>
  getAuthorize(authorizeParameters(newPkce().challenge, over))

/** What is known of a client. */
const stored = Effect.fn("stored")(function* (clientId: string) {
  const { sql } = yield* TestApp
  const [row] = yield* sql`
    select client_name, redirect_uris, updated_at from mcp.oauth_clients where client_id = ${clientId}`.pipe(
    Effect.orDie
  )
  return row
})

const [[copied, copy] = ["", { document: { redirect_uris: [""] } }]] = [...snapshots]
const [redirect_uri = ""] = copy.document.redirect_uris as ReadonlyArray<string>

describe("the answer to a person's decision", () => {
  it.live("F3 UI12 of fifty equal decisions at once all lead to the same place, on a real Postgres", () =>
    Effect.gen(function* () {
      const pkce = newPkce()
      const form = formOf(yield* getAuthorize(authorizeParameters(pkce.challenge)))
      const answers = yield* Effect.all(
        Array.from({ length: 50 }, () => decide(form, "approve")),
        { concurrency: "unbounded" }
      )
      const places = new Set(answers.map((answer) => locationOf(answer).href))
      assert.lengthOf([...places], 1)
      const code = new URL([...places][0] ?? "").searchParams.get("code") ?? ""
      assert.strictEqual((yield* exchange({ code, verifier: pkce.verifier })).status, 200)
    }).pipe(Effect.provide(testApp(TestDatabase.quick)))
  )

  it.live(
    "F3 B3 so do fifty for a client that is known by its document, which is saved with the code or not at all",
    () =>
      Effect.gen(function* () {
        const web = yield* testWeb({})
        const client_id = web.url("/client.json")
        web.pages["/client.json"] = jsonPage(documentOf(client_id))
        yield* Effect.gen(function* () {
          const { sql } = yield* TestApp
          const form = formOf(yield* consentPage({ client_id }))
          // A code that cannot be written takes the client along, and the form is still to be answered.
          yield* sql`alter table mcp.oauth_authorization_codes rename to mislaid`.pipe(Effect.orDie)
          assert.strictEqual((yield* decide(form, "approve")).status, 503)
          assert.isUndefined(yield* stored(client_id))
          yield* sql`alter table mcp.mislaid rename to oauth_authorization_codes`.pipe(Effect.orDie)
          const answers = yield* Effect.all(
            Array.from({ length: 50 }, () => decide(form, "approve")),
            { concurrency: "unbounded" }
          )
          assert.lengthOf([...new Set(answers.map((answer) => locationOf(answer).searchParams.get("code")))], 1)
          assert.isDefined(yield* stored(client_id))
        }).pipe(withApp(web.layer))
      }).pipe(Effect.scoped)
  )

  it.live("B3 a refused decision changes nothing of what is known of a client", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      const client_id = web.url("/client.json")
      const publish = (client_name: string) => {
        web.pages["/client.json"] = jsonPage(documentOf(client_id, { client_name }), { "cache-control": "max-age=0" })
      }
      publish("First")
      yield* Effect.gen(function* () {
        const unseen = yield* rowCounts()
        const denied = formOf(yield* consentPage({ client_id }))
        assert.strictEqual((yield* decide(denied, "deny")).status, 303)
        assert.strictEqual((yield* decide(denied, "approve")).status, 410)
        assert.deepStrictEqual(yield* rowCounts(), { ...unseen, decisions: Number(unseen?.decisions) + 1 })

        const pkce = newPkce()
        const form = formOf(yield* getAuthorize(authorizeParameters(pkce.challenge, { client_id })))
        const code = locationOf(yield* decide(form, "approve")).searchParams.get("code") ?? ""
        const before = yield* stored(client_id)
        assert.strictEqual(before?.client_name, "First")
        // Neither a repeat nor a refusal is a consent.
        assert.strictEqual((yield* decide(form, "approve")).status, 303)
        assert.strictEqual((yield* exchange({ code, verifier: pkce.verifier }, { client_id })).status, 200)
        for (const again of ["approve", "deny"]) assert.strictEqual((yield* decide(form, again)).status, 410)
        assert.deepStrictEqual(yield* stored(client_id), before)
      }).pipe(withApp(web.layer))
    }).pipe(Effect.scoped)
  )

  it.live("B3 a dated copy of a document takes the place of nothing that is known, and does where nothing is", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      const approve = Effect.gen(function* () {
        const page = yield* consentPage({ client_id: copied, redirect_uri })
        assert.include(page.text, "A copy of")
        assert.strictEqual((yield* decide(formOf(page), "approve")).status, 303)
      })
      yield* Effect.gen(function* () {
        const { sql } = yield* TestApp
        yield* approve
        const known = yield* stored(copied)
        assert.isDefined(known)
        yield* sql`
          update mcp.oauth_clients set client_name = 'Newer', redirect_uris = array_append(redirect_uris, 'https://new.example/cb')
          where client_id = ${copied}`.pipe(Effect.orDie)
        const newer = yield* stored(copied)
        yield* approve
        assert.deepStrictEqual(yield* stored(copied), newer)
      }).pipe(withApp(web.layerOf(() => [])))
    }).pipe(Effect.scoped)
  )
})
