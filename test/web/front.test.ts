import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { testApp } from "../support/app.ts"
import { request } from "../support/client.ts"
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
