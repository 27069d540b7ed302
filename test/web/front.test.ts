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
