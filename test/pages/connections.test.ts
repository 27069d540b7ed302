import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import {
  authorizeParameters,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  postForm,
  request,
  rpc
} from "../support/client.ts"
import { browserOf, csrfOf, postPage, somebody, visitPage } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const withApp = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(effect, Layer.fresh(testApp(TestDatabase.quick)))

const WEB = { client_id: "web", redirect_uri: "https://app.example/callback" }

/** An app that a person has connected, and is not asked for again. */
const connected = Effect.gen(function* () {
  const { sql } = yield* TestApp
  yield* sql`
    insert into mcp.oauth_clients (client_id, client_name, redirect_uris, token_endpoint_auth_methods)
    values ('web', 'A <b>web</b> app', ${[WEB.redirect_uri]}, '{none}')`.pipe(Effect.orDie)
  const ada = yield* somebody("Ada")
  const { cookie } = yield* browserOf(ada.id)
  const pkce = newPkce()
  const ask = getAuthorize(authorizeParameters(pkce.challenge, WEB), { cookie })
  const { transaction, csrf_token } = formOf(yield* ask)
  const answer = yield* postPage("/authorize/decision", { cookie, csrf_token }, { transaction, decision: "approve" })
  const code = locationOf(answer).searchParams.get("code") ?? ""
  const { body } = yield* exchange({ code, verifier: pkce.verifier }, WEB)
  assert.strictEqual((yield* rpc(body.access_token, "ping")).status, 200)
  return { ada, cookie, ask, token: body.access_token as string }
})

describe("connected apps", () => {
  it.live("ASVS 10.4.9 are shown with all that is known; disconnected, one has no access and has to ask again", () =>
    Effect.gen(function* () {
      const { cookie, ask, token } = yield* connected
      const page = yield* visitPage("/account/apps", cookie)
      for (const part of ["A &lt;b&gt;web&lt;/b&gt; app", "app.example", "tools on your behalf", "127.0.0.1"]) {
        assert.include(page.text, part)
      }
      assert.strictEqual((yield* ask).status, 303)
      yield* postPage("/account/apps/disconnect", { cookie, csrf_token: csrfOf(page) }, { client_id: "web" })
      assert.strictEqual((yield* rpc(token, "ping")).status, 401)
      assert.include((yield* visitPage("/account/apps", cookie)).text, "No app is connected")
      assert.strictEqual((yield* ask).status, 200)
    }).pipe(withApp)
  )

  it.live("an owner's disconnection of somebody else's app holds as well: its person is asked again", () =>
    Effect.gen(function* () {
      const { ask, token } = yield* connected
      const { cookie } = yield* browserOf((yield* somebody("Olga", "owner")).id)
      const page = yield* visitPage("/admin/apps", cookie)
      assert.include(page.text, "ada@people.example")
      const session = /name="session" value="([^"]+)"/.exec(page.text)?.[1] ?? ""
      yield* postPage("/admin/apps/disconnect", { cookie, csrf_token: csrfOf(page) }, { session })
      assert.strictEqual((yield* rpc(token, "ping")).status, 401)
      assert.strictEqual((yield* ask).status, 200)
      const events = yield* visitPage("/admin/events", cookie)
      assert.match(events.text, /An app was disconnected[\s\S]*ada@people\.example, by olga@people\.example/)
    }).pipe(withApp)
  )

  it.live("a disconnection and the forgetting of the consent are one: where the one fails, the other is not done", () =>
    Effect.gen(function* () {
      const { cookie, ask, token } = yield* connected
      const { sql } = yield* TestApp
      yield* sql`
        create function mcp.refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`.pipe(
        Effect.andThen(sql`
          create trigger refuse before delete on mcp.consents for each row execute function mcp.refuse()`),
        Effect.orDie
      )
      const own = yield* visitPage("/account/apps", cookie)
      const all = yield* visitPage("/admin/apps", cookie)
      const session = /name="session" value="([^"]+)"/.exec(all.text)?.[1] ?? ""
      for (const [path, page, fields] of [
        ["/account/apps/disconnect", own, { client_id: "web" }],
        ["/admin/apps/disconnect", all, { session }]
      ] as const) {
        const refused = yield* postPage(path, { cookie, csrf_token: csrfOf(page) }, fields)
        assert.strictEqual(refused.status, 503, path)
        assert.strictEqual((yield* rpc(token, "ping")).status, 200, path)
        assert.strictEqual((yield* ask).status, 303, path)
      }
    }).pipe(withApp)
  )

  it.live("one that was cut off since its token was used twice is told of in plain words", () =>
    Effect.gen(function* () {
      const { ada, cookie } = yield* connected
      const { sql } = yield* TestApp
      yield* sql`
        update mcp.mcp_sessions set status = 'compromised', status_changed_at = now() where subject = ${ada.id}`.pipe(
        Effect.orDie
      )
      assert.include((yield* visitPage("/account/apps", cookie)).text, "was used twice")
    }).pipe(withApp)
  )
})

describe("what an owner sees", () => {
  it.live("a refused redirect URI as it was sent, and no markup of it", () =>
    Effect.gen(function* () {
      const { cookie } = yield* connected
      const redirect_uri = "https://app.example/callback?x=<script>&y='"
      yield* getAuthorize(authorizeParameters(newPkce().challenge, { ...WEB, redirect_uri }))
      const page = yield* visitPage("/admin/clients", cookie)
      assert.include(page.text, "https://app.example/callback?x=&lt;script&gt;&amp;y=&#39;")
    }).pipe(withApp)
  )

  it.live("B20 a NUL is refused wherever somebody may type one, and is no trouble of the database's", () =>
    Effect.gen(function* () {
      const { cookie } = yield* connected
      const csrf_token = csrfOf(yield* visitPage("/account", cookie))
      for (const path of [
        "/admin/apps?person=",
        "/admin/apps?client=",
        "/admin/events?person=",
        "/admin/events?event="
      ]) {
        assert.strictEqual((yield* visitPage(`${path}a%00b`, cookie)).status, 400, path)
      }
      for (const [path, field] of [
        ["/account/apps/disconnect", "client_id"],
        ["/admin/people/withdraw", "email"],
        ["/account/passkeys/remove", "id"],
        ["/account/identities/unlink", "issuer"]
      ] as const) {
        assert.strictEqual((yield* postPage(path, { cookie, csrf_token }, { [field]: "a\0b" })).status, 400, path)
      }
      assert.strictEqual((yield* postForm("/login", { email: "a\0@b.example", password: "x" })).status, 400)
      assert.strictEqual((yield* request("/login?email=a%00b")).status, 400)
    }).pipe(withApp)
  )
})
