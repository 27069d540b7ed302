import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose"
import * as openidClient from "openid-client"
import { ServerConfig } from "../../../src/config/ServerConfig.ts"
import { renewSecret } from "../../../src/oauth/clients/administration.ts"
import { configure } from "../../../src/oauth/clients/configured.ts"
import * as ClientSecret from "../../../src/oauth/clients/secret.ts"
import { issueIdToken } from "../../../src/oauth/openid/idToken.ts"
import { ringOf, SigningKeys } from "../../../src/oauth/openid/SigningKeys.ts"
import { People } from "../../../src/people/People.ts"
import { TestApp, testApp } from "../../support/app.ts"
import {
  type Answer,
  authorizeParameters,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  obtainCode,
  obtainTokens,
  postForm,
  request,
  rowCounts,
  rpc
} from "../../support/client.ts"
import { browserOf, postPage, somebody, visitPage } from "../../support/people.ts"
import { TestDatabase } from "../../support/postgres.ts"

const withApp =
  (variables: Readonly<Record<string, string>> = {}) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.provide(effect, Layer.fresh(testApp(TestDatabase.quick, variables)))

const NOBODY = { id: undefined, address: undefined }

/** A code that a person allowed, redeemed. */
const tokensOf = Effect.fn("tokensOf")(function* (
  cookie: string,
  over: Readonly<Record<string, string | undefined>> = {},
  ticks: ReadonlyArray<string> = ["profile", "email", "mcp.web.read"]
) {
  const pkce = newPkce()
  const parameters = authorizeParameters(pkce.challenge, { scope: "openid profile email", nonce: "a nonce", ...over })
  const { transaction, csrf_token } = formOf(yield* getAuthorize(parameters, { cookie }))
  const boxes = Object.fromEntries(ticks.map((scope) => [`scope:${scope}`, "on"]))
  const answer = yield* postPage(
    "/authorize/decision",
    { cookie, csrf_token },
    { transaction, decision: "approve", ...boxes }
  )
  const code = locationOf(answer).searchParams.get("code") ?? ""
  const client_id = over.client_id ?? "demo"
  return yield* exchange({ code, verifier: pkce.verifier }, { client_id })
})

const ada = Effect.gen(function* () {
  const person = yield* somebody("Ada")
  return { person, ...(yield* browserOf(person.id)) }
})

const userInfo = (token: string, init: RequestInit = {}) =>
  request("/userinfo", { ...init, headers: { authorization: `Bearer ${token}` } })

describe("ID tokens", () => {
  it.live("OIDC 2, 3.1.3.6 say who, for whom and when; their signature verifies by /jwks", () =>
    Effect.gen(function* () {
      const { person, cookie } = yield* ada
      const { baseUrl, sql } = yield* TestApp
      const { body } = yield* tokensOf(cookie)
      assert.strictEqual(body.scope, "openid profile email")
      const keys = createRemoteJWKSet(new URL("/jwks", baseUrl))
      const { payload, protectedHeader } = yield* Effect.promise(() =>
        jwtVerify(body.id_token, keys, { issuer: baseUrl, audience: "demo", algorithms: ["RS256"] })
      )
      const [session] =
        yield* sql`select extract(epoch from authenticated_at)::int as at from mcp.browser_sessions`.pipe(Effect.orDie)
      assert.strictEqual(payload.sub, person.id)
      assert.strictEqual(payload.nonce, "a nonce")
      assert.closeTo(Number(payload.auth_time), Number(session?.at), 1)
      assert.strictEqual((payload.exp ?? 0) - (payload.iat ?? 0), 3600)
      const half = createHash("sha256").update(body.access_token).digest().subarray(0, 16).toString("base64url")
      assert.strictEqual(payload.at_hash, half)
      assert.isString(protectedHeader.kid)
      // Name and address are for UserInfo to tell (5.4).
      assert.notProperty(payload, "email")
    }).pipe(withApp())
  )

  it.live("OIDC 3.1.2.1 there is none without openid, no nonce without one, and none at a refresh", () =>
    Effect.gen(function* () {
      const { cookie } = yield* ada
      assert.notProperty((yield* tokensOf(cookie, { scope: "mcp.tools.call email" })).body, "id_token")
      const { body } = yield* tokensOf(cookie, { nonce: undefined, scope: "openid offline_access" })
      assert.notProperty(decodeJwt(body.id_token), "nonce")
      const refreshed = yield* postForm("/token", {
        grant_type: "refresh_token",
        client_id: "demo",
        refresh_token: body.refresh_token
      })
      assert.strictEqual(refreshed.status, 200)
      assert.notProperty(refreshed.body, "id_token")
    }).pipe(withApp())
  )

  it.live("OIDC Registration 2 are signed as the client registered", () =>
    Effect.gen(function* () {
      const { cookie } = yield* ada
      for (const [alg, expected] of [
        ["ES256", "ES256"],
        ["none", "RS256"]
      ] as const) {
        const { body: client } = yield* request("/register", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            redirect_uris: ["http://127.0.0.1/callback"],
            token_endpoint_auth_method: "none",
            grant_types: ["authorization_code", "refresh_token"],
            id_token_signed_response_alg: alg
          })
        })
        const { body } = yield* tokensOf(cookie, { client_id: client.client_id })
        assert.strictEqual(decodeProtectedHeader(body.id_token).alg, expected)
      }
    }).pipe(withApp())
  )

  it.live("openid-client completes a login with all its checks, as the demo person and with max_age", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const outcome = yield* Effect.promise(async () => {
        const config = await openidClient.discovery(new URL(baseUrl), "demo", undefined, openidClient.None(), {
          execute: [openidClient.allowInsecureRequests, openidClient.enableNonRepudiationChecks]
        })
        const verifier = openidClient.randomPKCECodeVerifier()
        const [nonce, state] = [openidClient.randomNonce(), openidClient.randomState()]
        const url = openidClient.buildAuthorizationUrl(config, {
          redirect_uri: "http://127.0.0.1:4711/callback",
          scope: "openid email",
          code_challenge: await openidClient.calculatePKCECodeChallenge(verifier),
          code_challenge_method: "S256",
          max_age: "600",
          nonce,
          state
        })
        const answer = await fetch(url, { redirect: "manual" })
        const tokens = await openidClient.authorizationCodeGrant(
          config,
          new URL(answer.headers.get("location") ?? ""),
          {
            pkceCodeVerifier: verifier,
            expectedNonce: nonce,
            expectedState: state,
            maxAge: 600,
            idTokenExpected: true
          }
        )
        const sub = tokens.claims()?.sub ?? ""
        return { sub, info: { ...(await openidClient.fetchUserInfo(config, tokens.access_token, sub)) } }
      })
      assert.strictEqual(outcome.sub, "demo")
      assert.strictEqual(outcome.info.sub, "demo")
    }).pipe(withApp({ AUTO_APPROVE: "true" }))
  )
})

describe("UserInfo (OIDC 5.3)", () => {
  it.live("tells what the scopes let it, by GET and by POST", () =>
    Effect.gen(function* () {
      const { person, cookie } = yield* ada
      const { body } = yield* tokensOf(cookie)
      const all = { sub: person.id, name: "Ada", email: "ada@people.example", email_verified: true }
      assert.deepStrictEqual((yield* userInfo(body.access_token)).body, all)
      assert.deepStrictEqual((yield* userInfo(body.access_token, { method: "POST" })).body, all)
      // An unticked box is not granted.
      const less = yield* tokensOf(cookie, {}, ["profile"])
      assert.strictEqual(less.body.scope, "openid profile")
      assert.deepStrictEqual((yield* userInfo(less.body.access_token)).body, { sub: person.id, name: "Ada" })
    }).pipe(withApp())
  )

  it.live(
    "RFC 6750 3.1 refuses whoever has no token, a wrong one, or none for openid; and a person who was disabled",
    () =>
      Effect.gen(function* () {
        const { cookie } = yield* ada
        const challenge = (answer: Answer) => answer.headers.get("www-authenticate") ?? ""
        const none = yield* request("/userinfo")
        assert.deepStrictEqual([none.status, challenge(none)], [401, "Bearer"])
        const wrong = yield* userInfo("mcp_at_wrong")
        assert.strictEqual(wrong.status, 401)
        assert.include(challenge(wrong), 'error="invalid_token"')
        const { body } = yield* tokensOf(cookie, { scope: "mcp.tools.call" })
        const lacking = yield* userInfo(body.access_token)
        assert.strictEqual(lacking.status, 403)
        assert.include(challenge(lacking), 'error="insufficient_scope"')
        assert.include(challenge(lacking), 'scope="openid"')
        // With such a token alone nobody calls a tool.
        const identity = yield* tokensOf(cookie)
        assert.strictEqual(
          (yield* rpc(identity.body.access_token, "tools/call", {
            name: "calculator",
            arguments: { expression: "1+1" }
          })).status,
          403
        )
        const bob = yield* somebody("Bob", "member")
        const his = yield* tokensOf((yield* browserOf(bob.id)).cookie)
        yield* (yield* People).disable(bob.id, NOBODY)
        assert.strictEqual((yield* userInfo(his.body.access_token)).status, 401)
      }).pipe(withApp())
  )
})

describe("what is promised (OIDC Discovery 3)", () => {
  it.live("every endpoint of the document is there, and every algorithm has a key", () =>
    Effect.gen(function* () {
      const { baseUrl } = yield* TestApp
      const { body } = yield* request("/.well-known/openid-configuration")
      assert.strictEqual(body.issuer, baseUrl)
      // What each answers to whoever brings nothing along, by the method that it is for: status, error, challenge.
      const answers = {
        authorization_endpoint: ["GET", 400],
        token_endpoint: ["POST", 401, "invalid_client"],
        revocation_endpoint: ["POST", 401, "invalid_client"],
        introspection_endpoint: ["POST", 401, "invalid_client"],
        registration_endpoint: ["POST", 400, "invalid_client_metadata"],
        userinfo_endpoint: ["GET", 401, "invalid_request", "Bearer"],
        end_session_endpoint: ["GET", 303],
        jwks_uri: ["GET", 200]
      } as const
      const named = Object.keys(body).filter((name) => /_endpoint$|_uri$/.test(name))
      assert.sameMembers(named, Object.keys(answers))
      for (const [name, [method, status, error, challenge]] of Object.entries(answers)) {
        const answer = yield* method === "GET" ? request(body[name]) : postForm(body[name], {})
        assert.deepStrictEqual([answer.status, answer.body?.error], [status, error], name)
        assert.strictEqual(answer.headers.get("www-authenticate") ?? undefined, challenge, name)
        // RFC 9110 15.5.6: no endpoint is for all methods.
        const other = yield* request(body[name], { method: "DELETE" })
        assert.strictEqual(other.status, 405, name)
        assert.include(other.headers.get("allow") ?? "", method, name)
      }
      const { body: set } = yield* request("/jwks")
      const algs = set.keys.map(({ alg }: { readonly alg: string }) => alg)
      assert.sameMembers(algs, body.id_token_signing_alg_values_supported)
      for (const key of set.keys) for (const secret of ["d", "p", "q"]) assert.notProperty(key, secret)
      for (const name of [
        "request_parameter_supported",
        "request_uri_parameter_supported",
        "claims_parameter_supported"
      ]) {
        assert.isFalse(body[name])
      }
      // The document of RFC 8414 says the same of what both know.
      const { body: server } = yield* request("/.well-known/oauth-authorization-server")
      for (const [name, value] of Object.entries(server)) assert.deepStrictEqual(body[name], value, name)
    }).pipe(withApp())
  )
})

describe("hints and logout", () => {
  it.live("OIDC 3.1.2.1 an id_token_hint of somebody else asks for a sign-in, or fails where nobody may be asked", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      yield* sql`
        insert into mcp.oauth_clients (client_id, client_name, redirect_uris, token_endpoint_auth_methods)
        values ('web', 'Web', '{https://app.example/cb}', '{none}')`.pipe(Effect.orDie)
      const web = { client_id: "web", redirect_uri: "https://app.example/cb" }
      const { cookie } = yield* ada
      const bob = yield* somebody("Bob", "member")
      const his = yield* browserOf(bob.id)
      const hint = (yield* tokensOf(cookie)).body.id_token
      const ask = (cookie: string, over: Readonly<Record<string, string>>) =>
        getAuthorize(authorizeParameters(newPkce().challenge, { ...web, id_token_hint: hint, ...over }), { cookie })
      assert.strictEqual((yield* ask(cookie, {})).status, 200)
      assert.match((yield* ask(his.cookie, {})).headers.get("location") ?? "", /^\/login\?/)
      const silent = yield* ask(his.cookie, { prompt: "none" })
      assert.strictEqual(locationOf(silent).searchParams.get("error"), "login_required")
      // What is not ours says nothing.
      assert.strictEqual((yield* ask(his.cookie, { id_token_hint: `${hint}x` })).status, 200)
    }).pipe(withApp())
  )

  for (const AUTO_APPROVE of ["false", "true"]) {
    it.live(
      `OIDC 3.1.2.1 nobody answers for the subject of a hint while nobody can sign in (approving ${AUTO_APPROVE})`,
      () =>
        Effect.gen(function* () {
          const sign = yield* (yield* SigningKeys).signer("RS256")
          const hint = (subject: string) =>
            issueIdToken(sign, {
              clientId: "demo",
              subject,
              nonce: undefined,
              authTime: new Date(),
              accessToken: Redacted.make("")
            })
          const ask = Effect.fnUntraced(function* (subject: string, over: Readonly<Record<string, string>> = {}) {
            const id_token_hint = yield* hint(subject)
            return yield* getAuthorize(authorizeParameters(newPkce().challenge, { id_token_hint, ...over }))
          })
          const before = yield* rowCounts()
          for (const over of [{}, { prompt: "none" }, { prompt: "consent" }]) {
            const answer = locationOf(yield* ask("somebody", over)).searchParams
            assert.strictEqual(answer.get("error"), "login_required")
            assert.isFalse(answer.has("code"))
          }
          assert.deepStrictEqual(yield* rowCounts(), before)
          assert.strictEqual((yield* ask("demo")).status, AUTO_APPROVE === "true" ? 303 : 200)
        }).pipe(withApp({ AUTO_APPROVE }))
    )
  }

  it.live("OIDC RP-Initiated Logout 3 of the operator's client its own address is honoured, until it is another", () =>
    Effect.gen(function* () {
      const desk = { id: "desk", name: "Desk", redirectUris: ["http://127.0.0.1/cb"], secret: ClientSecret.generate() }
      const ledTo = (uri: string) =>
        Effect.map(postForm("/logout", { client_id: "desk", post_logout_redirect_uri: uri }), ({ headers }) =>
          headers.get("location")
        )
      const [first, second] = ["https://app.example/bye", "https://app.example/elsewhere"]
      yield* configure({ ...desk, postLogoutRedirectUris: [first] })
      assert.strictEqual(yield* ledTo(first), first)
      yield* renewSecret("desk")
      assert.strictEqual(yield* ledTo(first), first)
      yield* configure({ ...desk, postLogoutRedirectUris: [second] })
      assert.strictEqual(yield* ledTo(second), second)
      assert.notStrictEqual(yield* ledTo(first), first)
      yield* configure(desk)
      assert.notStrictEqual(yield* ledTo(second), second)
    }).pipe(withApp())
  )

  it.live("OIDC RP-Initiated Logout 2, 3 the person is asked, and led only where the client registered", () =>
    Effect.gen(function* () {
      const { cookie } = yield* ada
      const { body: client } = yield* request("/register", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          redirect_uris: ["http://127.0.0.1/callback"],
          token_endpoint_auth_method: "none",
          post_logout_redirect_uris: ["https://app.example/bye", "javascript:alert(1)"]
        })
      })
      assert.deepStrictEqual(client.post_logout_redirect_uris, ["https://app.example/bye"])
      const ending = (over: Readonly<Record<string, string>>) =>
        visitPage(`/logout?${new URLSearchParams({ client_id: client.client_id, ...over })}`, cookie)
      const away = yield* ending({ post_logout_redirect_uri: "https://evil.example/" })
      assert.notInclude(away.text, "evil.example")
      const page = yield* ending({ post_logout_redirect_uri: "https://app.example/bye", state: "s" })
      assert.strictEqual(page.status, 200)
      const hidden = Object.fromEntries(
        [...page.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(
          ([, name = "", value = ""]) => [name, value.replaceAll("&amp;", "&")]
        )
      )
      // An app's own POST is a question too, and ends nothing.
      const asked = yield* visitPage("/logout", cookie, { method: "POST", body: new URLSearchParams({ state: "s" }) })
      assert.include(asked.text, "Sign out?")
      assert.strictEqual((yield* visitPage("/account", cookie)).status, 200)
      const left = yield* postPage("/logout", { cookie, csrf_token: hidden.csrf_token ?? "" }, hidden)
      assert.strictEqual(left.headers.get("location"), "https://app.example/bye?state=s")
      assert.strictEqual((yield* visitPage("/account", cookie)).status, 303)
      // Whoever is signed out already is led on at once, also where the app asks by POST.
      const posted = yield* postForm("/logout", {
        client_id: client.client_id,
        post_logout_redirect_uri: "https://app.example/bye"
      })
      assert.strictEqual(posted.headers.get("location"), "https://app.example/bye")
      const gone = yield* request(
        `/logout?${new URLSearchParams({ client_id: client.client_id, post_logout_redirect_uri: "https://app.example/bye" })}`
      )
      assert.strictEqual(gone.headers.get("location"), "https://app.example/bye")
    }).pipe(withApp())
  )
})

describe("signing keys", () => {
  it.live(
    "are sealed: another SEALING_KEY does not open them, and new ones are made; what the old ones signed still verifies",
    () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApp
        const { access_token } = yield* obtainTokens({ scope: "openid" })
        assert.isString(access_token)
        const rows = yield* sql`select kid, sealed_private from mcp.signing_keys`.pipe(Effect.orDie)
        assert.lengthOf(rows, 2)
        for (const { sealed_private } of rows) {
          assert.notInclude(Buffer.from(sealed_private as Uint8Array).toString("latin1"), '"d"')
        }
        const config = yield* ServerConfig
        assert.isDefined(config.sealingKey)
        const second = Layer.fresh(
          testApp(Layer.succeed(SqlClient.SqlClient, sql), { SEALING_KEY: "another secret of the operator's own, 32+" })
        )
        const published = yield* Effect.provide(
          Effect.gen(function* () {
            yield* obtainTokens({ scope: "openid" })
            return (yield* request("/jwks")).body.keys
          }),
          second
        )
        assert.lengthOf(published, 4)
      }).pipe(withApp({ SEALING_KEY: "a secret of the operator's own, 32 characters" }))
  )

  it.live("a code is not spent while there is no key to sign with, and is good when there is one", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const code = yield* obtainCode({ scope: "openid" })
      assert.strictEqual((yield* exchange(code)).status, 503)
      yield* sql`drop trigger no_keys on mcp.signing_keys`.pipe(Effect.orDie)
      // The keys are tried again by and by.
      const answer = yield* exchange(code).pipe(Effect.repeat({ until: ({ status }) => status !== 503 }))
      assert.strictEqual(answer.status, 200)
      assert.isString(answer.body.id_token)
    }).pipe(
      Effect.provide(
        Layer.fresh(
          testApp(Layer.provideMerge(withoutKeys, TestDatabase.quick), { AUTHORIZATION_CODE_TTL_SECONDS: "600" })
        )
      )
    )
  )

  it("a key is told before it signs, and after, until what it signed is over; one that nobody here opens retires none", () => {
    const key = (kid: string, age: number, isOwn = true) => ({
      kid,
      alg: "RS256" as const,
      age,
      public_jwk: {},
      sealed_private: new Uint8Array(),
      privateKey: isOwn ? new Uint8Array() : undefined
    })
    const told = (...keys: ReadonlyArray<ReturnType<typeof key>>) => {
      const { signing, published } = ringOf(keys)
      return [signing.get("RS256")?.kid, published.map(({ kid }) => kid).join(" ")]
    }
    assert.deepStrictEqual(told(key("a", 0)), ["a", "a"])
    assert.deepStrictEqual(told(key("b", 119), key("a", 9999)), ["a", "b a"])
    assert.deepStrictEqual(told(key("b", 121), key("a", 9999)), ["b", "b a"])
    // The slowest instance signed with the old one for two intervals and one more, and that is good for an hour.
    assert.deepStrictEqual(told(key("b", 3779), key("a", 9999)), ["b", "b a"])
    assert.deepStrictEqual(told(key("b", 3781), key("a", 9999)), ["b", "b"])
    assert.deepStrictEqual(told(key("x", 7200, false), key("a", 9999)), ["a", "x a"])
  })

  it.live("rotated keys are told at once, and two instances that start at once make one of each", () =>
    Effect.gen(function* () {
      const { sql } = yield* TestApp
      const both = Layer.fresh(testApp(Layer.succeed(SqlClient.SqlClient, sql)))
      const kids = Effect.map(request("/jwks"), ({ body }) => body.keys.map(({ kid }: { readonly kid: string }) => kid))
      const [one, two] = yield* Effect.all([kids, Effect.provide(kids, both)], { concurrency: 2 })
      assert.lengthOf(one, 2)
      assert.sameMembers(one, two)
      const { body } = yield* exchange(yield* obtainCode({ scope: "openid" }))
      yield* (yield* SigningKeys).rotate
      const third = yield* Effect.provide(kids, Layer.fresh(testApp(Layer.succeed(SqlClient.SqlClient, sql))))
      assert.lengthOf(third, 4)
      assert.include(third, decodeProtectedHeader(body.id_token).kid)
    }).pipe(withApp())
  )
})

/** A database that takes no keys yet. */
const withoutKeys = Layer.effectDiscard(
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* sql`
      create function mcp.refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`
    yield* sql`create trigger no_keys before insert on mcp.signing_keys for each row execute function mcp.refuse()`
  })
)
