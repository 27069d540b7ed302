import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { People } from "../../src/people/People.ts"
import { TestApp, testApp } from "../support/app.ts"
import {
  type Answer,
  authorizeParameters,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  obtainTokens,
  refresh,
  rowCounts,
  rpc
} from "../support/client.ts"
import { browserOf, postPage, somebody } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const withApp =
  (variables: Readonly<Record<string, string>> = {}) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.provide(effect, Layer.fresh(testApp(TestDatabase.quick, variables)))

const SCOPE = "mcp.tools.call mcp.web.read offline_access"
const WEB = { redirect_uri: "https://app.example/callback", client_id: "web" }

/** A client of the operator whose answers go to the web, and so may be remembered. */
const registerWeb = Effect.gen(function* () {
  const { sql } = yield* TestApp
  yield* sql`
    insert into mcp.oauth_clients (client_id, client_name, redirect_uris, token_endpoint_auth_methods)
    values ('web', 'A web app', ${[WEB.redirect_uri]}, '{none}')`.pipe(Effect.orDie)
})

const ask = (cookie: string | undefined, over: Readonly<Record<string, string | undefined>> = {}) => {
  const pkce = newPkce()
  return Effect.map(
    getAuthorize(
      authorizeParameters(pkce.challenge, { scope: SCOPE, ...over }),
      cookie === undefined ? {} : { cookie }
    ),
    (page) => ({ ...pkce, page })
  )
}

const ALL = { "scope:mcp.web.read": "on" }

const answer = (page: Answer, cookie: string, decision: string, ticks: Readonly<Record<string, string>> = ALL) => {
  const { transaction, csrf_token } = formOf(page)
  return postPage("/authorize/decision", { cookie, csrf_token }, { transaction, decision, ...ticks })
}

const codeOf = (answer: Answer) => locationOf(answer).searchParams.get("code") ?? ""

describe("who is asked for consent", () => {
  it.live("on localhost the demo person is, until somebody owns the server; then all that was granted to it ends", () =>
    Effect.gen(function* () {
      const tokens = yield* obtainTokens()
      const demo = formOf((yield* ask(undefined)).page)
      assert.strictEqual((yield* rpc(tokens.access_token, "ping")).status, 200)
      yield* somebody("Ada")
      assert.strictEqual((yield* rpc(tokens.access_token, "ping")).status, 401)
      assert.strictEqual((yield* refresh(tokens.refresh_token)).status, 400)
      // A form of the demo person that was still open is nobody's any more.
      const late = yield* postPage("/authorize/decision", demo, { transaction: demo.transaction, decision: "approve" })
      assert.strictEqual(late.status, 403)
      const { page } = yield* ask(undefined)
      assert.strictEqual(page.status, 303)
      assert.match(page.headers.get("location") ?? "", /^\/login\?return_to=%2Fauthorize/)
    }).pipe(withApp())
  )

  it.live("elsewhere nobody is: the page says what to do, and nothing is issued or written", () =>
    Effect.gen(function* () {
      const before = yield* rowCounts()
      const { page } = yield* ask(undefined)
      assert.strictEqual(page.status, 403)
      assert.include(page.text, "owner:link")
      assert.deepStrictEqual(yield* rowCounts(), before)
    }).pipe(
      withApp({
        BASE_URL: "https://gate.example",
        MCP_ALLOWED_HOSTS: "localhost",
        AUTO_SEED_CLIENT_ID: "demo",
        AUTO_SEED_REDIRECT_URIS: "http://127.0.0.1/callback"
      })
    )
  )

  it.live("AUTO_APPROVE approves for nobody once there are people", () =>
    Effect.gen(function* () {
      yield* somebody("Ada")
      assert.match((yield* ask(undefined)).page.headers.get("location") ?? "", /^\/login/)
    }).pipe(withApp({ AUTO_APPROVE: "true" }))
  )
})

describe("consent of a person", () => {
  it.live("says who asks, as whom, for what and where to; the code is theirs", () =>
    Effect.gen(function* () {
      const ada = yield* somebody("Ada")
      const { cookie } = yield* browserOf(ada.id)
      const { page, verifier } = yield* ask(cookie)
      assert.strictEqual(page.status, 200)
      for (const part of [
        "Demo client",
        "ada@people.example",
        "Not you?",
        "127.0.0.1:4711",
        "a program on this computer"
      ]) {
        assert.include(page.text, part)
      }
      const tokens = yield* exchange({ code: codeOf(yield* answer(page, cookie, "approve")), verifier })
      assert.strictEqual(tokens.body.scope, SCOPE)
      const { sql } = yield* TestApp
      const [session] = yield* sql`select subject from mcp.mcp_sessions`.pipe(Effect.orDie)
      assert.strictEqual(session?.subject, ada.id)
    }).pipe(withApp())
  )

  it.live(
    "RFC 6749 3.3 what is not ticked is not granted, and the answer says so; what the app needs cannot be unticked",
    () =>
      Effect.gen(function* () {
        const { cookie } = yield* browserOf((yield* somebody("Ada")).id)
        const { page, verifier } = yield* ask(cookie)
        const tokens = yield* exchange({ code: codeOf(yield* answer(page, cookie, "approve", {})), verifier })
        assert.strictEqual(tokens.body.scope, "mcp.tools.call offline_access")
      }).pipe(withApp())
  )

  it.live("UI1 UI2 UI3 a form of another person, of another browser or with another token passes nothing", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* somebody("Ada"), yield* somebody("Bob", "member")]
      const [hers, other, his] = [yield* browserOf(ada.id), yield* browserOf(ada.id), yield* browserOf(bob.id)]
      const { page } = yield* ask(hers.cookie)
      const theirs = (yield* ask(his.cookie)).page
      const before = yield* rowCounts()
      const mixed = { ...formOf(page), csrf_token: formOf(theirs).csrf_token }
      for (const refused of [
        yield* answer(page, his.cookie, "approve"),
        yield* answer(page, other.cookie, "approve"),
        yield* answer(page, "", "approve"),
        yield* postPage(
          "/authorize/decision",
          { ...mixed, cookie: hers.cookie },
          { transaction: mixed.transaction, decision: "approve" }
        ),
        yield* postPage(
          "/authorize/decision",
          { ...formOf(page), cookie: hers.cookie },
          { transaction: formOf(page).transaction, decision: "approve" },
          { "sec-fetch-site": "cross-site" }
        )
      ]) {
        assert.strictEqual(refused.status, 403)
      }
      assert.deepStrictEqual(yield* rowCounts(), before)
    }).pipe(withApp())
  )

  it.live("is remembered for the same client, host and scopes, and asked again when one of them changes", () =>
    Effect.gen(function* () {
      yield* registerWeb
      const ada = yield* somebody("Ada")
      const { cookie } = yield* browserOf(ada.id)
      const first = yield* ask(cookie, WEB)
      yield* answer(first.page, cookie, "approve")
      const again = yield* ask(cookie, WEB)
      assert.strictEqual(again.page.status, 303)
      const tokens = yield* exchange({ code: codeOf(again.page), verifier: again.verifier }, WEB)
      assert.strictEqual(tokens.body.scope, SCOPE)
      assert.strictEqual((yield* ask(cookie, { ...WEB, scope: "mcp.tools.call" })).page.status, 200)
      assert.strictEqual((yield* ask(cookie, { ...WEB, prompt: "consent" })).page.status, 200)
      assert.strictEqual((yield* ask((yield* browserOf((yield* somebody("Bob")).id)).cookie, WEB)).page.status, 200)
    }).pipe(withApp())
  )

  it.live("MCP step-up: what was not ticked is asked for again, with the boxes as they were left", () =>
    Effect.gen(function* () {
      yield* registerWeb
      const { cookie } = yield* browserOf((yield* somebody("Ada")).id)
      const ticked = (page: Answer) =>
        Object.fromEntries(
          [...page.text.matchAll(/type="checkbox" name="scope:([^"]*)"([^>]*)/g)].map(([, scope, rest = ""]) => [
            scope,
            rest.includes("checked")
          ])
        )
      const first = (yield* ask(cookie, WEB)).page
      assert.deepStrictEqual(ticked(first), { "mcp.web.read": true })
      yield* answer(first, cookie, "approve", {})
      const more = { ...WEB, scope: `${SCOPE} email` }
      const silent = locationOf((yield* ask(cookie, { ...WEB, prompt: "none" })).page)
      assert.strictEqual(silent.searchParams.get("error"), "consent_required")
      // What was not asked for before begins ticked.
      assert.deepStrictEqual(ticked((yield* ask(cookie, more)).page), { "mcp.web.read": false, email: true })
      const again = yield* ask(cookie, WEB)
      assert.strictEqual(again.page.status, 200)
      assert.deepStrictEqual(ticked(again.page), { "mcp.web.read": false })
      const code = codeOf(yield* answer(again.page, cookie, "approve"))
      assert.strictEqual((yield* exchange({ code, verifier: again.verifier }, WEB)).body.scope, SCOPE)
      assert.isNotEmpty(codeOf((yield* ask(cookie, { ...WEB, prompt: "none" })).page))
    }).pipe(withApp())
  )

  it.live("is never remembered for a loopback address, where any program may ask the next time", () =>
    Effect.gen(function* () {
      const { cookie } = yield* browserOf((yield* somebody("Ada")).id)
      const { page } = yield* ask(cookie)
      assert.strictEqual((yield* answer(page, cookie, "approve")).status, 303)
      assert.strictEqual((yield* ask(cookie)).page.status, 200)
    }).pipe(withApp())
  )

  it.live("F3 UI12 Allow twice leads to the same place, and a person who was disabled meanwhile grants nothing", () =>
    Effect.gen(function* () {
      const [, bob] = [yield* somebody("Ada"), yield* somebody("Bob", "member")]
      const { cookie } = yield* browserOf(bob.id)
      const { page } = yield* ask(cookie)
      const answers = [yield* answer(page, cookie, "approve"), yield* answer(page, cookie, "approve")]
      assert.strictEqual(codeOf(answers[0] as Answer), codeOf(answers[1] as Answer))
      const open = yield* ask(cookie)
      yield* (yield* People).disable(bob.id, { id: undefined, address: undefined })
      assert.strictEqual((yield* answer(open.page, cookie, "approve")).status, 403)
      assert.strictEqual(
        (yield* exchange({ code: codeOf(answers[0] as Answer), verifier: "v".repeat(43) })).status,
        400
      )
    }).pipe(withApp())
  )

  it.live("TK17 of a consent and the disabling of its person at the same moment the disabling counts", () =>
    Effect.gen(function* () {
      const [, bob] = [yield* somebody("Ada"), yield* somebody("Bob", "member")]
      const { cookie } = yield* browserOf(bob.id)
      const { page } = yield* ask(cookie)
      const { sql } = yield* TestApp
      const [begun, end] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const disabling = yield* Effect.forkChild(
        sql.withTransaction(
          sql`update mcp.people set disabled_at = now() where id = ${bob.id}`.pipe(
            Effect.andThen(Deferred.succeed(begun, undefined)),
            Effect.andThen(Deferred.await(end))
          )
        )
      )
      yield* Deferred.await(begun)
      const answering = yield* Effect.forkChild(answer(page, cookie, "approve"))
      // It has passed the sign-in, and waits for what becomes of its person.
      const isWaiting = Effect.map(
        sql`select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
        (waiting) => waiting.length > 0
      )
      yield* isWaiting.pipe(Effect.repeat({ until: (waiting) => waiting }), Effect.orDie)
      yield* Deferred.succeed(end, undefined)
      yield* Fiber.join(disabling).pipe(Effect.orDie)
      assert.strictEqual((yield* Fiber.join(answering)).status, 403)
      assert.isEmpty(yield* sql`select from mcp.oauth_authorization_codes`.pipe(Effect.orDie))
    }).pipe(withApp())
  )
})

describe("prompt and max_age (OpenID Connect Core 3.1.2.1)", () => {
  it.live("none: login_required without a person, consent_required before consent, a code after it", () =>
    Effect.gen(function* () {
      yield* registerWeb
      const { cookie } = yield* browserOf((yield* somebody("Ada")).id)
      const errorOf = (page: Answer) => locationOf(page).searchParams.get("error")
      const silent = { ...WEB, prompt: "none" }
      assert.strictEqual(errorOf((yield* ask(undefined, silent)).page), "login_required")
      assert.strictEqual(errorOf((yield* ask(cookie, silent)).page), "consent_required")
      yield* answer((yield* ask(cookie, WEB)).page, cookie, "approve")
      assert.isNotEmpty(codeOf((yield* ask(cookie, silent)).page))
    }).pipe(withApp())
  )

  it.live("login, select_account and max_age lead to the sign-in page, and back without asking for it again", () =>
    Effect.gen(function* () {
      const { cookie } = yield* browserOf((yield* somebody("Ada")).id)
      const back = (page: Answer) => {
        const location = new URL(page.headers.get("location") ?? "", "http://here.example")
        assert.strictEqual(location.pathname, "/login")
        assert.strictEqual(location.searchParams.get("again"), "1")
        return new URL(location.searchParams.get("return_to") ?? "", "http://here.example").searchParams
      }
      assert.isNull(back((yield* ask(cookie, { prompt: "login" })).page).get("prompt"))
      assert.strictEqual(back((yield* ask(cookie, { prompt: "login consent" })).page).get("prompt"), "consent")
      assert.isNull(back((yield* ask(cookie, { prompt: "select_account" })).page).get("prompt"))
      assert.isNull(back((yield* ask(cookie, { max_age: "0" })).page).get("max_age"))
      assert.strictEqual((yield* ask(cookie, { max_age: "600" })).page.status, 200)
    }).pipe(withApp())
  )

  it.live("OIDC Core 3.1.2.1 login_hint is the address that the sign-in page begins with", () =>
    Effect.gen(function* () {
      yield* somebody("Ada")
      const { page } = yield* ask(undefined, { login_hint: "ada+x@example.com" })
      const location = new URL(page.headers.get("location") ?? "", "http://here.example")
      assert.strictEqual(location.pathname, "/login")
      assert.strictEqual(location.searchParams.get("email"), "ada+x@example.com")
    }).pipe(withApp())
  )
})
