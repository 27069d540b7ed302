/** What a start says of its address, and what becomes of passkeys when the address changes: real processes on one database. */

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { freePort, TestApp } from "../support/app.ts"
import { makeAuthenticator } from "../support/authenticator.ts"
import { type Answer, postForm, request } from "../support/client.ts"
import { cookieOf, csrfOf, postPage, visitPage } from "../support/people.ts"
import { ready, said, start, temporaryFolder } from "../support/program.ts"

const PASSWORD = "correct horse battery"
const options = { timeout: 300_000 }

/** The server as it is behind a proxy that ends TLS: known by `issuer`, reached at localhost. */
const serve = Effect.fn("test.serve")(function* (issuer: string, port: number, variables: Record<string, string>) {
  const program = yield* start("main.ts", {
    PORT: String(port),
    BASE_URL: issuer,
    MCP_ALLOWED_HOSTS: `localhost,${new URL(issuer).host}`,
    ...variables
  })
  const baseUrl = `http://localhost:${port}`
  yield* ready(baseUrl, program)
  // The steps of a browser need only the address.
  const app = { baseUrl, port } as TestApp["Service"]
  return { program, on: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, TestApp, app) }
})

/** Calls what the script of a page calls. */
const post = (path: string, body: Readonly<Record<string, unknown>>, cookie = "") =>
  request(path, {
    method: "POST",
    headers: { "content-type": "application/json", cookie },
    body: JSON.stringify(body)
  })

type Authenticator = ReturnType<typeof makeAuthenticator>

/** A way in that is a passkey, made at `issuer` by following a link's code, or on the account page. */
const makePasskey = Effect.fn("test.makePasskey")(function* (
  issuer: string,
  path: string,
  fields: Readonly<Record<string, string>>
) {
  const { challenge, user } = (yield* post(`${path}/options`, fields)).body
  const authenticator = makeAuthenticator(user.id)
  const response = authenticator.make(challenge, { origin: issuer, rpId: new URL(issuer).hostname })
  const done = yield* post(path, { ...fields, response })
  assert.strictEqual(done.status, 200, done.text)
  return { authenticator, cookie: cookieOf(done) }
})

const usePasskey = Effect.fn("test.usePasskey")(function* (issuer: string, authenticator: Authenticator) {
  const { challenge } = (yield* post("/login/passkey/options", {})).body
  const response = authenticator.use(challenge, { origin: issuer, rpId: new URL(issuer).hostname })
  return yield* post("/login/passkey", { return_to: "/account", response })
})

const removePasskey = (cookie: string, page: Answer, { id }: Authenticator) =>
  postPage("/account/passkeys/remove", { cookie, csrf_token: csrfOf(page) }, { id })

/** The code of the link that an owner's page shows once. */
const codeOn = ({ text }: Answer) => /value="[^"]*#([^"]+)"/.exec(text)?.[1] ?? ""

describe("the address of the server", () => {
  it.live(
    "under a new BASE_URL the start and /login say that old passkeys do not work, passwords do, and nobody loses the last way in",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const here = { DATA_DIR: yield* temporaryFolder }
        const before = `http://localhost:${port}`
        const first = yield* serve(before, port, here)
        const [, code = ""] = yield* said(first.program, /\/setup#(\S+)/)
        const old = yield* first.on(
          Effect.gen(function* () {
            const ada = yield* makePasskey(before, "/setup/passkey", { code, name: "Ada", email: "ada@people.example" })
            const { cookie } = ada
            const csrf_token = csrfOf(yield* visitPage("/account", cookie))
            assert.strictEqual(
              (yield* postPage("/account/password", { cookie, csrf_token }, { password: PASSWORD })).status,
              303
            )
            const invited = { email: "bob@people.example", role: "member" }
            const invitation = codeOn(yield* postPage("/admin/people/invite", { cookie, csrf_token }, invited))
            const bob = yield* makePasskey(before, "/invitation/passkey", { code: invitation, name: "Bob" })
            assert.strictEqual((yield* usePasskey(before, bob.authenticator)).status, 200)
            assert.notInclude((yield* request("/login")).text, "was known as")
            return { ada: ada.authenticator, bob: bob.authenticator }
          })
        )
        first.program.process.kill("SIGTERM")
        assert.strictEqual(yield* first.program.exited, 0)
        assert.notInclude(first.program.output(), "passkeys were made at")

        const after = "https://gate.example"
        const second = yield* serve(after, port, here)
        yield* said(second.program, /passkeys were made at localhost, and do not work at BASE_URL/)
        yield* second.on(
          Effect.gen(function* () {
            assert.include((yield* request("/login")).text, "This server was known as localhost before")
            for (const place of [before, after]) {
              assert.strictEqual((yield* usePasskey(place, old.ada)).status, 403, place)
            }
            const login = yield* postForm("/login", { email: "ada@people.example", password: PASSWORD })
            assert.strictEqual(login.status, 303)
            const cookie = cookieOf(login)
            assert.include(cookie, "__Host-gatehouse=")
            const account = yield* visitPage("/account", cookie)
            assert.include(account.text, "works at localhost only")

            // Bob has nothing but what does not work here: a link of the owner's lets him in.
            const admin = yield* visitPage("/admin", cookie)
            const [, id = ""] = /href="\/admin\/events\?person=([^"]+)"/.exec(admin.text.split("bob@")[1] ?? "") ?? []
            const reset = codeOn(yield* postPage("/admin/people/reset", { cookie, csrf_token: csrfOf(admin) }, { id }))
            const bob = yield* makePasskey(after, "/reset/passkey", { code: reset })
            const his = yield* visitPage("/account", bob.cookie)
            // The old one beside it is no way in here.
            const refused = yield* removePasskey(bob.cookie, his, bob.authenticator)
            assert.strictEqual(refused.status, 409)
            assert.include(refused.text, "This is your last way in")
            assert.strictEqual((yield* usePasskey(after, bob.authenticator)).status, 200)
            // The old ones may go.
            assert.strictEqual((yield* removePasskey(cookie, account, old.ada)).status, 303)
            assert.strictEqual((yield* removePasskey(bob.cookie, his, old.bob)).status, 303)
            assert.notInclude((yield* request("/login")).text, "was known as")
          })
        )
      }),
    options
  )

  it.live(
    "a start warns where anybody may make an account and the address is public",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const open = { DATA_DIR: yield* temporaryFolder, SIGN_UP: "open" }
        const first = yield* serve("https://gate.example", port, open)
        yield* said(first.program, /SIGN_UP=open: anybody who reaches BASE_URL may make an account/)
        first.program.process.kill("SIGTERM")
        assert.strictEqual(yield* first.program.exited, 0)
        const local = yield* serve(`http://localhost:${port}`, port, open)
        local.program.process.kill("SIGTERM")
        assert.strictEqual(yield* local.program.exited, 0)
        assert.notInclude(local.program.output(), "SIGN_UP")
      }),
    options
  )
})
