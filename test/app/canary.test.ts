import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import { freePort, TestApp } from "../support/app.ts"
import { makeAuthenticator } from "../support/authenticator.ts"
import {
  authorizeParameters,
  call,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  newPkce,
  postForm,
  REDIRECT_URI,
  refresh,
  request,
  revoke
} from "../support/client.ts"
import { collector } from "../support/collector.ts"
import { begunBy, CLIENT, identityProvider, providerVariables } from "../support/identityProvider.ts"
import { overhear } from "../support/overheard.ts"
import { cookieOf, csrfOf, postPage, script, visitPage } from "../support/people.ts"
import { freshDatabaseUrl } from "../support/postgres.ts"
import { ready, run, said, start } from "../support/program.ts"
import { LEAKED } from "../torture/peopleInvariants.ts"

const CLIENT_SECRET = "canary-secret-of-the-client"
const ADA = { email: "ada@people.example", password: "canary correct horse" }
const BOB = { email: "bob@people.example", password: "canary battery staple" }

const account = Effect.fnUntraced(function* (cookie: string) {
  return { cookie, csrf_token: csrfOf(yield* visitPage("/account", cookie)) }
})

/** Lets an app in, and gives what it was told. */
const letIn = Effect.fnUntraced(function* (cookie: string, client_id: string, secret: string, scope: string) {
  const { verifier, challenge } = newPkce()
  const state = `canary-state-${crypto.randomUUID()}`
  const page = yield* getAuthorize(authorizeParameters(challenge, { client_id, scope, state }), { cookie })
  const { transaction, csrf_token } = formOf(page)
  const decided = yield* postPage("/authorize/decision", { cookie, csrf_token }, { transaction, decision: "approve" })
  const code = { code: locationOf(decided).searchParams.get("code") ?? "", verifier }
  const auth = { client_id, client_secret: secret }
  yield* exchange(code, { ...auth, code_verifier: "canary".repeat(8) })
  yield* exchange(code, { ...auth, client_secret: "canary-wrong-secret" })
  const { body } = yield* exchange(code, auth)
  yield* exchange(code, { ...auth, redirect_uri: "https://elsewhere.example/" })
  return { ...body, auth } as { access_token: string; refresh_token: string; id_token: string; auth: typeof auth }
})

/** A link of Ada's to Bob, his account, and all the ways back into it. */
const bobsLife = Effect.fnUntraced(function* (owner: string) {
  const invited = yield* postPage("/admin/people/invite", yield* account(owner), { email: BOB.email, role: "member" })
  const code = /\/invitation#([\w-]+)/.exec(invited.text)?.[1] ?? ""
  const come = yield* postForm("/invitation/password", { code, name: "Bob", password: BOB.password })
  assert.strictEqual(
    (yield* postForm("/invitation/password", { code, name: "Bob", password: BOB.password })).status,
    410
  )
  const made = yield* postPage("/account/codes", yield* account(cookieOf(come)))
  const codes = [...made.text.matchAll(/<code>([0-9A-Z-]{29})<\/code>/g)].map(([, code = ""]) => code)
  yield* postForm("/recover", { email: BOB.email, code: `${codes[1]?.slice(0, -1)}0` })
  const recovered = yield* postForm("/recover", { email: BOB.email, code: codes[0] ?? "" })
  const link = /name="code" value="([\w-]+)"/.exec(recovered.text)?.[1] ?? ""
  const renewed = yield* postForm("/reset/password", { code: link, password: "canary another horse" })
  assert.strictEqual(renewed.status, 303, renewed.text)
  const cookie = cookieOf(renewed)
  const changed = yield* postPage("/account/password", yield* account(cookie), {
    current: "canary another horse",
    password: BOB.password
  })
  assert.include([200, 303], changed.status)
  yield* postForm("/login", { ...BOB, password: "canary wrong password" })
  const signedIn = yield* postForm("/login", BOB)
  yield* postPage("/logout", yield* account(cookieOf(signedIn)))
})

describe("secrets", () => {
  it.live(
    "OP5 of a whole life, people's and apps', none is in the log at its most talkative, in a trace, in a refusal, or in any row",
    () =>
      Effect.gen(function* () {
        const DATABASE_URL = yield* freshDatabaseUrl
        assert.strictEqual((yield* run("app/programs/dbInit.ts", { DATABASE_URL })).code, 0)
        const sql = yield* PgClient.make({ url: Redacted.make(DATABASE_URL), maxConnections: 1 }).pipe(
          Effect.provide(Reactivity.layer)
        )
        const port = yield* freePort
        const baseUrl = `http://localhost:${port}`
        yield* Effect.gen(function* () {
          const corp = yield* identityProvider()
          const taken = yield* collector()
          const program = yield* start("main.ts", {
            DATABASE_URL,
            PORT: String(port),
            LOG_LEVEL: "trace",
            SEALING_KEY: Buffer.from("canary-of-the-sealing-key-012345").toString("base64url"),
            AUTO_SEED_CLIENT_ID: "demo",
            AUTO_SEED_CLIENT_SECRET: CLIENT_SECRET,
            AUTO_SEED_REDIRECT_URIS: REDIRECT_URI,
            OTEL_EXPORTER_OTLP_ENDPOINT: taken.url,
            OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
            OIDC_PROVIDERS: "corp",
            ...providerVariables("corp", corp.issuer)
          })
          yield* ready(baseUrl, program)
          const [, setup = ""] = yield* said(program, /\/setup#([\w-]+)/)
          const { secrets, refusals } = yield* overhear

          const owned = yield* postForm("/setup/password", { ...ADA, code: setup, name: "Ada" })
          const owner = cookieOf(owned)
          yield* bobsLife(owner)

          // A passkey, and an account elsewhere; then in by each.
          const browser = yield* account(owner)
          const here = { origin: baseUrl, rpId: "localhost" }
          const { csrf_token } = browser
          const options = yield* script("/account/passkeys/options", { csrf_token }, owner)
          const key = makeAuthenticator(options.body.user.id)
          yield* script("/account/passkeys", { csrf_token, response: key.make(options.body.challenge, here) }, owner)
          const { challenge } = (yield* script("/login/passkey/options", {})).body
          assert.strictEqual((yield* script("/login/passkey", { response: key.use(challenge, here) })).status, 200)
          corp.state.person = { sub: "ada", email: ADA.email, email_verified: true, name: "Ada" }
          const leaving = yield* postPage("/account/identities/corp/link", browser)
          assert.strictEqual(leaving.status, 303, leaving.text)
          for (const begun of [begunBy(leaving, owner), begunBy(yield* request("/login/corp"))]) {
            const back = yield* corp.walk(begun.location)
            const path = back.pathname + back.search
            assert.strictEqual((yield* request(path, { headers: { cookie: begun.cookie } })).status, 303)
            yield* request(path, { headers: { cookie: begun.cookie } })
          }

          // Apps of both kinds.
          const registered = yield* script("/register", { redirect_uris: [REDIRECT_URI] })
          const { client_id, client_secret, registration_access_token: own } = registered.body
          yield* request(`/register/${client_id}`, { headers: { authorization: `Bearer ${own}` } })
          yield* request(`/register/${client_id}`, { headers: { authorization: "Bearer canary-of-nobody" } })
          const scope = "mcp.tools.call openid profile email offline_access"
          for (const [id, secret] of [
            ["demo", CLIENT_SECRET],
            [client_id, client_secret]
          ]) {
            const app = yield* letIn(owner, id, secret, scope)
            assert.strictEqual((yield* call(app.access_token, "calculator", { expression: "1" })).status, 200)
            yield* call(`${app.access_token.slice(0, -2)}xx`, "calculator", { expression: "1" })
            yield* request("/userinfo", { headers: { authorization: `Bearer ${app.access_token}` } })
            const { body } = yield* refresh(app.refresh_token, app.auth)
            yield* postForm("/introspect", { token: body.access_token, ...app.auth })
            yield* request(`/logout?${new URLSearchParams({ id_token_hint: app.id_token })}`)
            yield* revoke(body.refresh_token, app.auth)
            yield* refresh(app.refresh_token, app.auth)
          }

          // All of it went over the wire.
          for (const name of [
            ...["code", "codes", "code_verifier", "client_secret", "access_token", "refresh_token", "id_token"],
            ...["registration_access_token", "password", "current", "state", "csrf_token", "transaction", "cookie"]
          ]) {
            assert.isAbove(secrets.get(name)?.size ?? 0, 0, name)
          }
          assert.isAbove(refusals.length, 10)
          program.process.kill("SIGTERM")
          yield* program.exited

          const canaries = new Set(
            [...secrets.values()].flatMap((values) => [...values]).filter((value) => value !== "")
          )
          for (const canary of [CLIENT_SECRET, CLIENT.secret, "canary-of-the-sealing-key"]) canaries.add(canary)
          // What a link of the log leads to is told there, until somebody follows it.
          const told = program.output().replaceAll(setup, "")
          assert.include(told, "/token")
          const sent = taken.text().replaceAll(setup, "")
          for (const path of ["/v1/logs", "/v1/metrics", "/v1/traces"]) {
            assert.isTrue(
              taken.sent.some((one) => one.path === path),
              path
            )
          }
          for (const canary of canaries) {
            assert.notInclude(told, canary)
            assert.notInclude(sent, canary)
            for (const { where, said } of refusals) assert.notInclude(said, canary, where)
          }
          assert.deepStrictEqual(yield* sql.unsafe(LEAKED, [[...canaries]]), [])
        }).pipe(Effect.provideService(TestApp, { baseUrl, port, sql }))
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )
})
