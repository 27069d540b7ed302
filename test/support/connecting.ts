/** A server that runs as a process, from an app that nobody knows to its tokens. */

import assert from "node:assert/strict"
import { Effect } from "effect"
import { freePort, TestApp } from "./app.ts"
import {
  authorizeParameters,
  decide,
  exchange,
  formOf,
  locationOf,
  newPkce,
  postForm,
  request,
  Unconnected
} from "./client.ts"
import { cookieOf } from "./people.ts"
import { freshDatabaseUrl } from "./postgres.ts"
import { ready, run, start } from "./program.ts"

const REDIRECT_URI = "http://127.0.0.1/callback"

export const ADA = { name: "Ada", email: "ada@people.example", password: "correct horse battery" }

/** Requests of an effect go to this port. */
export const at =
  (port: number) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(
      Effect.provideService(TestApp, { baseUrl: `http://localhost:${port}`, port } as TestApp["Service"]),
      // A connection for each request, so that whoever is next has it.
      Effect.provideService(Unconnected, true)
    )

/** A server of its own on a fresh Postgres, with these settings; `demo` is its public client. */
export const onPostgres = Effect.fn("test.onPostgres")(function* (settings: Readonly<Record<string, string>>) {
  const port = yield* freePort
  const own = { DATABASE_URL: yield* freshDatabaseUrl, PORT: String(port), ...settings }
  const made = yield* run("app/programs/dbInit.ts", own)
  assert.strictEqual(made.code, 0, made.output)
  const program = yield* start("main.ts", {
    ...own,
    AUTO_SEED_CLIENT_ID: "demo",
    AUTO_SEED_REDIRECT_URIS: REDIRECT_URI
  })
  const baseUrl = `http://localhost:${port}`
  yield* ready(baseUrl, program)
  return { port, baseUrl, program, on: at(port) }
})

/** Ada follows the link of set-up. */
export const setUp = Effect.fn("test.setUp")(function* (code: string) {
  assert.strictEqual((yield* postForm("/setup/password", { code, ...ADA })).status, 303)
})

/** Ada's cookie, from a browser of hers. */
export const signInAsAda = Effect.map(postForm("/login", { ...ADA, return_to: "/account" }), cookieOf)

export interface Connected {
  readonly client_id: string
  readonly access_token: string
  readonly refresh_token: string
}

/** Registers an app and connects it for whoever has the cookie. */
export const connectApp = Effect.fn("test.connectApp")(function* (cookie: string) {
  const registered = yield* request("/register", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      redirect_uris: [REDIRECT_URI],
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"]
    })
  })
  assert.strictEqual(registered.status, 201, registered.text)
  const client = { client_id: registered.body.client_id as string, redirect_uri: REDIRECT_URI }
  const pkce = newPkce()
  const query = new URLSearchParams(authorizeParameters(pkce.challenge, client))
  const page = yield* request(`/authorize?${query}`, { headers: { cookie } })
  assert.strictEqual(page.status, 200, page.text)
  const form = formOf(page)
  const decided = yield* decide({ ...form, cookie: `${cookie}; ${form.cookie}` }, "approve")
  const code = locationOf(decided).searchParams.get("code") ?? ""
  const issued = yield* exchange({ code, verifier: pkce.verifier }, client)
  assert.strictEqual(issued.status, 200, issued.text)
  return { client_id: client.client_id, ...issued.body } as Connected
})
