import { randomBytes } from "node:crypto"
import { assert, describe, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted } from "effect"
import { ClientRegistry } from "../../src/oauth/clients/ClientRegistry.ts"
import * as SlowHash from "../../src/oauth/clients/slowHash.ts"
import { testApp } from "../support/app.ts"
import {
  type Answer,
  authorizeParameters,
  exchange,
  getAuthorize,
  newPkce,
  obtainTokens,
  postForm,
  refresh,
  request,
  revoke
} from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"

const limited = (answer: Answer) => {
  assert.strictEqual(answer.status, 429, answer.text)
  const seconds = Number(answer.headers.get("retry-after"))
  assert.isTrue(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, String(seconds))
}

const options = { excludeTestServices: true, timeout: "60 seconds" } as const
const app = (variables: Readonly<Record<string, string>>) =>
  testApp(TestDatabase.quick, { RATE_LIMIT_ENABLED: "true", ...variables })
const from = (address: string) => ({ "x-forwarded-for": address })
const junk = { code: "mcp_ac_junk", verifier: "x".repeat(43) }

describe("rate limits", () => {
  layer(app({ RATE_LIMIT_FAILURES_PER_MINUTE: "3" }), options)("of failures", (it) => {
    it.effect(
      "B12 OP6 an address that fails too often waits with its failures; a made-up X-Forwarded-For does not help it",
      () =>
        Effect.gen(function* () {
          // Success is never charged.
          let { refresh_token } = yield* obtainTokens()
          for (let round = 0; round < 5; round++) refresh_token = (yield* refresh(refresh_token)).body.refresh_token
          for (let round = 0; round < 3; round++) {
            assert.strictEqual((yield* exchange(junk, {}, from(`203.0.113.${round}`))).status, 400)
          }
          limited(yield* exchange(junk, {}, from("203.0.113.9")))
          limited(yield* postForm("/revoke", { client_id: "nobody", token: "x" }, from("203.0.113.10")))

          // B12: and never refused, however many have failed.
          for (let round = 0; round < 5; round++) {
            const refreshed = yield* refresh(refresh_token)
            assert.strictEqual(refreshed.status, 200, refreshed.text)
            refresh_token = refreshed.body.refresh_token
          }
          const tokens = yield* obtainTokens()
          assert.strictEqual((yield* revoke(tokens.refresh_token)).status, 200)
          limited(yield* refresh(tokens.refresh_token))
        })
    )
  })

  layer(
    app({
      RATE_LIMIT_FAILURES_PER_MINUTE: "3",
      RATE_LIMIT_REGISTRATIONS_PER_HOUR: "2",
      TRUST_PROXY: "127.0.0.0/8,::1"
    }),
    options
  )("behind a proxy", (it) => {
    it.effect("OP6 each address behind a trusted proxy is charged for itself", () =>
      Effect.gen(function* () {
        for (let round = 0; round < 3; round++) {
          assert.strictEqual((yield* exchange(junk, {}, from("203.0.113.1"))).status, 400)
        }
        limited(yield* exchange(junk, {}, from("203.0.113.1")))
        // What stands further left was written by the client.
        limited(yield* exchange(junk, {}, from("198.51.100.7, 203.0.113.1")))
        assert.strictEqual((yield* exchange(junk, {}, from("203.0.113.2"))).status, 400)
      })
    )

    it.effect("B13 OP6 the addresses of one IPv6 network are charged together", () =>
      Effect.gen(function* () {
        for (let round = 0; round < 3; round++) {
          assert.strictEqual((yield* exchange(junk, {}, from(`2001:db8:0:1::${round}`))).status, 400)
        }
        limited(yield* exchange(junk, {}, from("2001:db8:0:1:ffff::1")))
        assert.strictEqual((yield* exchange(junk, {}, from("2001:db8:0:2::1"))).status, 400)
        const register = (address: string) =>
          request("/register", {
            method: "POST",
            body: JSON.stringify({ redirect_uris: ["http://127.0.0.1/callback"], token_endpoint_auth_method: "none" }),
            headers: { "content-type": "application/json", ...from(address) }
          })
        assert.strictEqual((yield* register("2001:db8:1:1::1")).status, 201)
        assert.strictEqual((yield* register("2001:db8:1:2::1")).status, 201)
        assert.strictEqual((yield* register("2001:db8:1:3::1")).status, 429)
        assert.strictEqual((yield* register("2001:db8:2:1::1")).status, 201)
      })
    )
  })

  layer(app({ RATE_LIMIT_CLIENT_PER_MINUTE: "3" }), options)("of clients", (it) => {
    it.effect("a client that asks too often waits, and loses nothing", () =>
      Effect.gen(function* () {
        const { refresh_token } = yield* obtainTokens()
        const second = yield* refresh(refresh_token)
        const third = yield* refresh(second.body.refresh_token)
        limited(yield* refresh(third.body.refresh_token))
      })
    )
  })

  layer(testApp(TestDatabase.quick, { TRUST_PROXY: "127.0.0.0/8,::1" }), options)("of slow secrets", (it) => {
    it.effect(
      "B11 who sends wrong secrets by the hundred waits for themselves, and who was right before does not",
      () =>
        Effect.gen(function* () {
          const registry = yield* ClientRegistry
          const [salt, kdf] = [randomBytes(16), "scrypt:16384:8:2"]
          yield* registry.save({
            clientId: "confidential",
            name: "Confidential",
            redirectUris: ["http://127.0.0.1/callback"],
            grantTypes: ["authorization_code"],
            authMethods: ["client_secret_post"],
            secret: { hash: yield* SlowHash.derive(Redacted.make("hunter2"), salt, kdf), salt, kdf },
            disabled: false,
            origin: "configured",
            keys: undefined
          })
          const ask = (client_secret: string, address: string) =>
            postForm("/token", { grant_type: "junk", client_id: "confidential", client_secret }, from(address))
          assert.strictEqual((yield* ask("hunter2", "203.0.113.1")).body.error, "unsupported_grant_type")
          const told = yield* Deferred.make<void>()
          const guesses = Array.from({ length: 100 }, (_, count) =>
            Effect.tap(ask(`guess ${count}`, "203.0.113.66"), () => Deferred.succeed(told, undefined))
          )
          const flood = yield* Effect.forkChild(Effect.all(guesses, { concurrency: "unbounded" }))
          // The first to be answered are those that are too many: the others wait by then.
          yield* Deferred.await(told)
          assert.strictEqual((yield* ask("hunter2", "203.0.113.1")).body.error, "unsupported_grant_type")
          const answers = yield* Fiber.join(flood)
          const refused = answers.filter(({ status }) => status === 429)
          for (const answer of refused) limited(answer)
          assert.isAtLeast(refused.length, 1)
          assert.isAtLeast(answers.filter(({ status }) => status === 401).length, 8)
          assert.isTrue(answers.every(({ status }) => status === 401 || status === 429))
        })
    )
  })

  layer(app({ RATE_LIMIT_AUTHORIZE_PER_MINUTE: "3" }), options)("of pages", (it) => {
    it.effect("an address that opens too many pages gets a page that says when to come back", () =>
      Effect.gen(function* () {
        const open = () => getAuthorize(authorizeParameters(newPkce().challenge))
        for (let round = 0; round < 3; round++) assert.strictEqual((yield* open()).status, 200)
        const answer = yield* open()
        limited(answer)
        assert.match(answer.headers.get("content-type") ?? "", /^text\/html/)
      })
    )
  })
})
