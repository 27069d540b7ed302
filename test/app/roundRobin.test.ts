import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { createRemoteJWKSet, jwtVerify } from "jose"
import { behindBalancer } from "../support/behindBalancer.ts"
import {
  admitted,
  authorizeParameters,
  exchange,
  formOf,
  getAuthorize,
  locationOf,
  messageOf,
  newPkce,
  obtainTokens,
  postForm,
  REDIRECT_URI,
  refresh,
  request,
  revoke,
  rpc
} from "../support/client.ts"
import { entryOf, until } from "../support/mountedApp.ts"
import { cookieOf, csrfOf, postPage, visitPage } from "../support/people.ts"
import { migratedDatabaseUrl } from "../support/postgres.ts"
import { postgresProxy } from "../support/postgresProxy.ts"
import { said, temporaryFolder } from "../support/program.ts"

const ADA = { name: "Ada", email: "ada@people.example", password: "correct horse battery" }
const SCOPE = "openid profile offline_access mcp.tools.call mcp.everything"

/** The first owner, by the link that the last of the servers to start has printed: it took the place of the others'. */
const setUp = Effect.fn("test.setUp")(function* (codes: ReadonlyArray<string>) {
  const looked = yield* Effect.forEach(codes, (code) => postForm("/setup", { ...ADA, code }))
  const good = codes.filter((_, index) => looked[index]?.text.includes("Hello, Ada"))
  assert.lengthOf(good, 1)
  const [code = ""] = good
  const done = yield* postForm("/setup/password", { ...ADA, code })
  assert.strictEqual(done.status, 303, done.text)
  const cookie = cookieOf(done)
  assert.strictEqual((yield* visitPage("/account", cookie)).status, 200)
})

const signIn = Effect.gen(function* () {
  const answer = yield* postForm("/login", { ...ADA, return_to: "/account" })
  assert.strictEqual(answer.status, 303, answer.text)
  return cookieOf(answer)
})

/** An app with a secret, which nobody knew before. */
const register = Effect.gen(function* () {
  const registered = yield* request("/register", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_name: "Turns",
      redirect_uris: [REDIRECT_URI],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "client_secret_post"
    })
  })
  assert.strictEqual(registered.status, 201, registered.text)
  return { client_id: registered.body.client_id as string, client_secret: registered.body.client_secret as string }
})

type Client = Effect.Success<typeof register>

/** Ada lets the app in; its tokens. */
const connect = Effect.fn("test.connect")(function* (client: Client, cookie: string) {
  const pkce = newPkce()
  const asked = { client_id: client.client_id, scope: SCOPE, nonce: "a nonce", prompt: "consent" }
  const form = formOf(yield* getAuthorize(authorizeParameters(pkce.challenge, asked), { cookie }))
  const ticks = { "scope:profile": "on", "scope:mcp.everything": "on" }
  const answer = yield* postPage(
    "/authorize/decision",
    { ...form, cookie },
    { transaction: form.transaction, decision: "approve", ...ticks }
  )
  const code = locationOf(answer).searchParams.get("code") ?? ""
  const issued = yield* exchange({ code, verifier: pkce.verifier }, client)
  assert.strictEqual(issued.status, 200, issued.text)
  return issued.body as { access_token: string; refresh_token: string; id_token: string }
})

const resultOf = (token: string, method: string, params: object = {}) =>
  Effect.map(rpc(token, method, params), (answer) => messageOf(answer).result)
const toolsOf = (token: string) =>
  Effect.map(
    resultOf(token, "tools/list"),
    ({ tools }): ReadonlyArray<string> => tools.map(({ name }: { name: string }) => name)
  )
const INITIALIZE = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "turns", version: "1" } }

/** As often as there are servers; the next request comes to whoever was asked first. */
const everywhere = <A, E, R>(count: number, effect: Effect.Effect<A, E, R>) => Effect.replicateEffect(effect, count)

/** What ends access elsewhere is told by the database, and that takes a moment. */
const untilRefused = (token: string, count: number) =>
  Effect.gen(function* () {
    yield* Effect.repeat(everywhere(count, admitted(token)), { until: (answers) => !answers.includes(true) })
    assert.notInclude(yield* everywhere(count, admitted(token)), true)
  })

describe("servers that are given each connection in turn", () => {
  for (const count of [2, 4]) {
    it.live(
      `of ${count}, each request of every flow is another one's: an app from its registration to its end, and its person`,
      () =>
        Effect.gen(function* () {
          const folder = yield* temporaryFolder
          const GATEHOUSE_FILE = join(folder, "gatehouse.json")
          writeFileSync(GATEHOUSE_FILE, JSON.stringify({ mcpServers: { everything: entryOf("everything") } }))
          const settings = { DATABASE_URL: yield* migratedDatabaseUrl, GATEHOUSE_FILE }
          const { baseUrl, members, counts, inTurn } = yield* behindBalancer(
            Array.from({ length: count }, (_, index) => ({ ...settings, DATA_DIR: join(folder, String(index)) }))
          )
          const printed = yield* Effect.forEach(members, ({ program }) => said(program, /\/setup#(\S+)/))

          yield* Effect.gen(function* () {
            yield* setUp(printed.map(([, code = ""]) => code))
            const [client, cookie] = [yield* register, yield* signIn]
            const { access_token, refresh_token, id_token } = yield* connect(client, cookie)

            const { payload } = yield* Effect.promise(() =>
              jwtVerify(id_token, createRemoteJWKSet(new URL("/jwks", baseUrl)), { issuer: baseUrl })
            )
            assert.strictEqual(payload.aud, client.client_id)
            const authorization = `Bearer ${access_token}`
            for (const { body } of yield* everywhere(count, request("/userinfo", { headers: { authorization } }))) {
              assert.deepInclude(body, { sub: payload.sub, name: "Ada" })
            }

            const introduced = yield* everywhere(count, resultOf(access_token, "initialize", INITIALIZE))
            for (const { protocolVersion } of introduced) assert.strictEqual(protocolVersion, "2025-11-25")
            // A program behind them is started by each, when it is.
            const lists = yield* until(
              Effect.map(everywhere(count, toolsOf(access_token)), (lists) =>
                lists.every((names) => names.includes("everything__echo")) ? lists : undefined
              )
            )
            for (const names of lists) assert.sameMembers([...names], [...(lists[0] ?? [])])
            const calls = { calculator: { expression: "6*7" }, everything__echo: { message: "42" } }
            for (const [name, args] of Object.entries(calls)) {
              const call = resultOf(access_token, "tools/call", { name, arguments: args })
              for (const { isError, content } of yield* everywhere(count, call)) {
                assert.isNotOk(isError)
                assert.match(content[0].text, /42/)
              }
            }

            let latest = refresh_token
            for (let turn = 0; turn < count; turn++) {
              const refreshed = yield* refresh(latest, client)
              assert.strictEqual(refreshed.status, 200, refreshed.text)
              latest = refreshed.body.refresh_token
              assert.deepStrictEqual(
                yield* everywhere(count, admitted(refreshed.body.access_token)),
                Array(count).fill(true)
              )
            }
            const facts = (token: string) =>
              Effect.map(postForm("/introspect", { ...client, token }), ({ body }) => body)
            for (const { active } of yield* everywhere(count, facts(latest))) assert.isTrue(active)
            assert.strictEqual((yield* revoke(latest, client)).status, 200)
            for (const answer of yield* everywhere(count, facts(latest)))
              assert.deepStrictEqual(answer, { active: false })
            assert.strictEqual((yield* refresh(latest, client)).body.error, "invalid_grant")
            yield* untilRefused(access_token, count)

            const second = yield* connect(client, cookie)
            const apps = yield* visitPage("/account/apps", cookie)
            assert.include(apps.text, "Turns")
            const page = { cookie, csrf_token: csrfOf(apps) }
            yield* postPage("/account/apps/disconnect", page, { client_id: client.client_id })
            assert.include((yield* visitPage("/account/apps", cookie)).text, "No app is connected")
            yield* untilRefused(second.access_token, count)

            const left = yield* postPage("/logout", {
              cookie,
              csrf_token: csrfOf(yield* visitPage("/account", cookie))
            })
            assert.strictEqual(left.status, 303)
            for (const { status } of yield* everywhere(count, visitPage("/account", cookie))) {
              assert.strictEqual(status, 303)
            }
          }).pipe(inTurn)
          const served = counts()
          assert.isAtLeast(Math.min(...served), 10, String(served))
          assert.isAtMost(Math.max(...served) - Math.min(...served), 1)
        }).pipe(Effect.scoped),
      { timeout: 300_000 }
    )
  }

  const pair = Effect.fn("test.pair")(function* (other: string, one = other) {
    const { at } = yield* behindBalancer([{ DATABASE_URL: one }, { DATABASE_URL: other }])
    return { one: at(0), other: at(1) }
  })
  /** A token that the other one knows by heart. */
  const known = Effect.fn("test.known")(function* ({ one, other }: Effect.Success<ReturnType<typeof pair>>) {
    const tokens = yield* one(obtainTokens())
    assert.isTrue(yield* other(admitted(tokens.access_token)))
    return tokens
  })
  const untilStatus = (status: number, token: string) =>
    Effect.repeat(
      Effect.map(rpc(token, "tools/list"), (answer) => answer.status),
      { until: (is) => is === status, schedule: Schedule.spaced("5 millis") }
    )

  it.live(
    "BR11 RF3 what is revoked or found stolen at one is refused by the other, which hears of it",
    () =>
      Effect.gen(function* () {
        const both = yield* pair(yield* migratedDatabaseUrl)
        for (let round = 0; round < 5; round++) {
          const tokens = yield* known(both)
          yield* both.one(revoke(tokens.refresh_token))
          yield* both.other(untilStatus(401, tokens.access_token))
          assert.strictEqual((yield* both.other(refresh(tokens.refresh_token))).body.error, "invalid_grant")

          const stolen = yield* known(both)
          const { body } = yield* both.one(refresh(stolen.refresh_token))
          assert.isTrue(yield* both.other(admitted(body.access_token)))
          assert.strictEqual((yield* both.one(refresh(stolen.refresh_token))).body.error, "invalid_grant")
          yield* both.other(untilStatus(401, body.access_token))
          assert.strictEqual((yield* both.other(refresh(body.refresh_token))).body.error, "invalid_grant")
        }
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )

  it.live(
    "BR11 one that hears nothing any more, and does not know it, forgets the token by itself",
    () =>
      Effect.gen(function* () {
        const direct = new URL(yield* migratedDatabaseUrl)
        const network = yield* postgresProxy(direct.hostname, Number(direct.port))
        const through = new URL(direct)
        through.port = String(network.port)
        const both = yield* pair(through.href, direct.href)
        const tokens = yield* known(both)
        network.halfOpen((statement) => statement.startsWith("LISTEN"))
        yield* both.one(revoke(tokens.refresh_token))
        yield* both.other(untilStatus(401, tokens.access_token))
      }).pipe(Effect.scoped),
    { timeout: 300_000 }
  )
})
