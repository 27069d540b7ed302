import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestApp, testApp } from "../../support/app.ts"
import {
  type Answer,
  authorizeParameters,
  decide,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  request,
  revoke,
  rowCounts
} from "../../support/client.ts"
import { TestDatabase } from "../../support/postgres.ts"
import { jsonPage, testWeb } from "../../support/publicWeb.ts"

const redirect_uri = "https://evil.example/landing"
const metadata = {
  client_name: "Anybody",
  redirect_uris: [redirect_uri],
  grant_types: ["authorization_code", "refresh_token"],
  token_endpoint_auth_method: "none"
}

/** Everything that goes wrong after the redirect URI was matched, with the error that the client is owed. */
const WRONG = [
  [{ response_type: undefined }, "invalid_request"],
  [{ response_type: "token" }, "unsupported_response_type"],
  [{ response_mode: "fragment" }, "invalid_request"],
  [{ code_challenge: undefined }, "invalid_request"],
  [{ scope: '"' }, "invalid_scope"],
  [{ resource: "https://other.example" }, "invalid_target"],
  [{ request: "x" }, "request_not_supported"],
  [{ prompt: "none" }, "consent_required"]
] as const

const isKept = (answer: Answer, error: string) => {
  assert.strictEqual(answer.status, 400, answer.text)
  assert.isNull(answer.headers.get("location"))
  assert.notInclude(answer.text, "evil.example")
  assert.include(answer.text, `(${error})`)
}

/** The whole life of a client that nobody vouches for: what it gets before and after a person let it in. */
const livesWith = Effect.fn("livesWith")(function* (client_id: string) {
  const pkce = newPkce()
  const ask = (over: Readonly<Record<string, string | undefined>> = {}) =>
    getAuthorize(authorizeParameters(pkce.challenge, { client_id, redirect_uri, ...over }))
  const allKept = Effect.forEach(WRONG, ([over, error]) => Effect.map(ask(over), (answer) => isKept(answer, error)))

  const before = yield* rowCounts()
  yield* allKept
  isKept(
    yield* getAuthorize([...authorizeParameters(pkce.challenge, { client_id, redirect_uri }), ["state", "2"]]),
    "invalid_request"
  )
  assert.deepStrictEqual(yield* rowCounts(), before)

  // A person's own click is answered where the person was told that the answer goes.
  const denied = yield* decide(formOf(yield* ask()), "deny")
  assert.strictEqual(locationOf(denied).searchParams.get("error"), "access_denied")
  yield* allKept

  // A code alone is no session yet.
  const code = locationOf(yield* decide(formOf(yield* ask()), "approve")).searchParams.get("code") ?? ""
  yield* allKept
  const { body } = yield* exchange({ code, verifier: pkce.verifier }, { client_id, redirect_uri })
  for (const [over, error] of WRONG) {
    const answer = yield* ask(over)
    assert.strictEqual(answer.status, 303, answer.text)
    assert.isTrue(locationOf(answer).href.startsWith(redirect_uri))
    assert.strictEqual(locationOf(answer).searchParams.get("error"), error)
    assert.strictEqual(locationOf(answer).searchParams.get("state"), "a state")
  }
  yield* revoke(body.refresh_token, { client_id })
  yield* allKept
})

describe("no open redirector (RFC 9700 §4.11.2)", () => {
  it.live("B10 AZ13 AZ20 a client that registered itself gets no error redirected before a person let it in", () =>
    Effect.gen(function* () {
      const registered = yield* request("/register", {
        method: "POST",
        body: JSON.stringify(metadata),
        headers: { "content-type": "application/json" }
      })
      yield* livesWith(registered.body.client_id)
      // Another address of the same client is another matter.
      const { sql } = yield* TestApp
      yield* sql`update mcp.mcp_sessions set status = 'active', status_changed_at = null, redirect_uri = 'https://x.example/'`.pipe(
        Effect.orDie
      )
      const { client_id } = registered.body
      const parameters = { client_id, redirect_uri, response_type: "token" }
      isKept(yield* getAuthorize(authorizeParameters(newPkce().challenge, parameters)), "unsupported_response_type")
    }).pipe(Effect.provide(testApp(TestDatabase.quick)))
  )

  it.live("B10 AZ13 AZ20 nor does one that is known by its document", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      const client_id = web.url("/client.json")
      web.pages["/client.json"] = jsonPage({ ...metadata, client_id })
      yield* Effect.provide(livesWith(client_id), testApp(TestDatabase.quick, {}, web.layer))
    }).pipe(Effect.scoped)
  )
})
