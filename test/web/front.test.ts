import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { testApp } from "../support/app.ts"
import { type Answer, navigate, postForm, request } from "../support/client.ts"
import { capturedLogs } from "../support/logs.ts"
import { TestDatabase } from "../support/postgres.ts"

const options = { excludeTestServices: true, timeout: "60 seconds" } as const
const LOGS = { LOG_LEVEL: "info", LOG_FORMAT: "json" }
const PUBLIC = {
  ...LOGS,
  BASE_URL: "https://gate.example",
  DEMO_CONSENT: "true",
  MCP_ALLOWED_HOSTS: "localhost,gate.example"
}
const proxied = { headers: { "x-forwarded-for": "198.51.100.7" } }
const isAboutProxy = ({ message }: { readonly message: unknown }) => String(message).includes("TRUST_PROXY")

describe("front", () => {
  layer(testApp(TestDatabase.quick, PUBLIC), options)("on a public host", (it) => {
    it.effect("a method that no path has is answered with those that this path has", () =>
      Effect.gen(function* () {
        for (const method of ["PATCH", "PROPFIND", "PURGE", "QUERY"]) {
          const token = yield* request("/token", { method })
          assert.deepStrictEqual([token.status, token.headers.get("allow")], [405, "POST"], method)
          const jwks = yield* request("/jwks", { method })
          assert.deepStrictEqual([jwks.status, jwks.headers.get("allow")], [405, "GET, HEAD"], method)
          const mcp = yield* request("/mcp", { method })
          assert.strictEqual(mcp.status, 401, method)
          assert.strictEqual((yield* request("/nowhere", { method })).status, 404, method)
        }
      })
    )

    it.effect("F14 a proxy that is not trusted is told of once, loudly", () =>
      Effect.gen(function* () {
        const { lines } = yield* capturedLogs
        yield* request("/.well-known/oauth-authorization-server")
        assert.lengthOf(lines.filter(isAboutProxy), 0)
        for (let round = 0; round < 3; round++) yield* request("/.well-known/oauth-authorization-server", proxied)
        const told = lines.filter(isAboutProxy)
        assert.lengthOf(told, 1)
        assert.strictEqual(told[0]?.level, "WARN")
      }).pipe(Effect.scoped)
    )
  })

  layer(
    testApp(TestDatabase.quick, { ...LOGS, RATE_LIMIT_ENABLED: "true", RATE_LIMIT_FAILURES_PER_MINUTE: "5" }),
    options
  )("of refusals", (it) => {
    it.effect(
      "what is for programs is told in their words, whatever they accept; what nobody knows is a page to a person",
      () =>
        Effect.gen(function* () {
          const isPage = ({ text }: Answer) => text.startsWith("<!doctype html>")
          for (const path of ["/mcp", "/token", "/revoke", "/introspect", "/register", "/userinfo", "/jwks"]) {
            for (const method of ["GET", "POST"]) assert.isFalse(isPage(yield* navigate(path, method)), path)
          }
          assert.strictEqual((yield* request("/nothing")).body.error, "not_found")
          for (const path of ["/nothing", "/account/nothing", "/Account"]) {
            const answer = yield* navigate(path)
            assert.strictEqual(answer.status, 404)
            assert.isTrue(isPage(answer), path)
          }
        })
    )

    it.effect("B18 a refused request is one line that says why and of whom, and never what was presented", () =>
      Effect.gen(function* () {
        const { lines } = yield* capturedLogs
        const secret = "canary-secret"
        const answers = [
          yield* postForm("/token", {
            client_id: "nobody\u001b[2J",
            grant_type: "refresh_token",
            refresh_token: secret
          }),
          yield* postForm("/token", { client_id: "demo", grant_type: "refresh_token", refresh_token: secret }),
          yield* postForm("/revoke", { client_id: "demo" }),
          yield* postForm("/token?code=canary", {}),
          yield* postForm("/introspect", { client_id: "x".repeat(500), client_secret: secret, token: secret }),
          yield* postForm("/token", { client_id: "demo", grant_type: "canary" }),
          yield* request("/register", { method: "POST", body: secret, headers: { "content-type": "application/json" } })
        ]
        const told = lines.map(({ annotations }) => annotations)
        assert.deepStrictEqual(
          told.map(({ path, status, error, error_description }) => ({ path, status, error, error_description })),
          answers.map(({ status, body }, index) => ({
            path: ["/token", "/token", "/revoke", "/token", "/introspect", "/token", "/register"][index],
            status,
            error: body.error,
            error_description: body.error_description
          }))
        )
        assert.deepStrictEqual(
          told.map(({ client_id }) => client_id),
          ["nobody\\u001b[2J", "demo", "demo", undefined, "x".repeat(200), "demo", undefined]
        )
        assert.strictEqual(answers[5]?.status, 429)
        assert.notInclude(JSON.stringify(lines), "canary")

        lines.length = 0
        yield* request("/.well-known/oauth-authorization-server")
        assert.notProperty(lines[0]?.annotations, "error")
      }).pipe(Effect.scoped)
    )
  })

  layer(
    testApp(TestDatabase.quick, {
      ...PUBLIC,
      LOG_LEVEL: "none",
      CORS_ORIGINS: "http://localhost:6274,vscode-webview://*",
      MCP_ALLOWED_ORIGINS: "https://app.example"
    }),
    options
  )("for pages", (it) => {
    it.effect("F23 MC2 MC3 MC4 a preflight says of an origin what the request will be answered", () =>
      Effect.gen(function* () {
        const asked = { "access-control-request-method": "POST", "access-control-request-headers": "authorization" }
        const origins = {
          "http://localhost:6274": true,
          "vscode-webview://0a1b2c": true,
          "https://app.example": true,
          "https://gate.example": true,
          "http://localhost:6275": false,
          "https://app.example.evil.example": false,
          "capacitor://localhost": false,
          null: false
        }
        for (const [origin, isAdmitted] of Object.entries(origins)) {
          for (const path of ["/mcp", "/token", "/revoke", "/introspect", "/register", "/register/x"]) {
            const said = `${path} for ${origin}`
            const preflight = yield* request(path, { method: "OPTIONS", headers: { origin, ...asked } })
            const method = path === "/register/x" ? "PUT" : "POST"
            const answer = yield* request(path, { method, headers: { origin } })
            assert.strictEqual(preflight.status, isAdmitted ? 204 : 403, said)
            assert.strictEqual(answer.status !== 403, isAdmitted, said)
            for (const { headers } of [preflight, answer]) {
              assert.strictEqual(headers.get("access-control-allow-origin"), isAdmitted ? origin : null, said)
            }
            assert.strictEqual(preflight.headers.has("access-control-allow-methods"), isAdmitted, said)
            assert.include(answer.headers.get("vary") ?? "", "Origin", said)
          }
          const metadata = "/.well-known/oauth-protected-resource/mcp"
          const open = yield* request(metadata, { method: "OPTIONS", headers: { origin, ...asked } })
          assert.strictEqual(open.status, 204)
          assert.strictEqual(open.headers.get("access-control-allow-origin"), "*")
        }
        assert.strictEqual((yield* request("/authorize", { method: "OPTIONS" })).status, 405)
      })
    )
  })

  for (const [name, variables] of [
    ["that trusts a number", { ...PUBLIC, TRUST_PROXY: "1" }],
    ["that trusts its network", { ...PUBLIC, TRUST_PROXY: "127.0.0.0/8,::1" }],
    ["on this computer", LOGS]
  ] as const) {
    layer(testApp(TestDatabase.quick, variables), options)(name, (it) => {
      it.effect(`F14 nothing is told of a proxy by a server ${name}`, () =>
        Effect.gen(function* () {
          const { lines } = yield* capturedLogs
          for (let round = 0; round < 2; round++) yield* request("/.well-known/oauth-authorization-server", proxied)
          assert.lengthOf(lines.filter(isAboutProxy), 0)
          assert.isNotEmpty(lines)
        }).pipe(Effect.scoped)
      )
    })
  }
})
