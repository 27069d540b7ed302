import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { ServerConfig } from "../../src/config/ServerConfig.ts"

const configOf = (variables: Record<string, string>) => Effect.provide(ServerConfig, ServerConfig.layerOf(variables))
const problemsOf = (variables: Record<string, string>) =>
  Effect.map(Effect.flip(configOf(variables)), (error) => ("problems" in error ? error.problems : []))

const KEY = "k".repeat(40)
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gatehouse-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)
const fileIn = (path: string, name: string, text: string) => {
  writeFileSync(join(path, name), text)
  return join(path, name)
}

describe("what a platform says", () => {
  it.effect("PF1 a secret may stand in a file, with a line's end behind it; so may a provider's", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const config = yield* configOf({
        SEALING_KEY_FILE: fileIn(path, "key", `${KEY}\n`),
        DATABASE_URL_FILE: fileIn(path, "url", "postgresql://a:b@db/c\n"),
        REDIS_URL_FILE: fileIn(path, "redis", "redis://:secret@redis"),
        OIDC_PROVIDERS: "corp",
        OIDC_CORP_ISSUER: "https://sso.corp.example",
        OIDC_CORP_CLIENT_ID: "gatehouse",
        OIDC_CORP_CLIENT_SECRET_FILE: fileIn(path, "secret", "of a provider\r\n")
      })
      assert.strictEqual(config.sealingKey && Redacted.value(config.sealingKey), KEY)
      assert.strictEqual(
        config.database._tag === "Postgres" && Redacted.value(config.database.urls)[0].href,
        "postgresql://a:b@db/c"
      )
      assert.strictEqual(config.redisUrl && Redacted.value(config.redisUrl), "redis://:secret@redis")
      assert.deepStrictEqual(
        config.providers.map(({ clientSecret }) => Redacted.value(clientSecret)),
        ["of a provider"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("PF1 what is wrong with a file is told with the rest, and never what stands in it", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const canary = "canary-canary-canary-canary-canary"
      const problems = yield* problemsOf({
        PORT: "none",
        SEALING_KEY_FILE: fileIn(path, "key", canary),
        SEALING_KEY: KEY,
        REGISTRATION_TOKEN_FILE: fileIn(path, "short", canary.slice(0, 12)),
        DATABASE_URL_FILE: join(path, "nothing"),
        REDIS_URL_FILE: fileIn(path, "empty", "\n")
      })
      assert.sameMembers(
        problems.map((problem) => problem.split(" ")[0]),
        ["PORT", "SEALING_KEY_FILE", "REGISTRATION_TOKEN", "DATABASE_URL_FILE", "REDIS_URL_FILE"]
      )
      assert.notInclude(problems.join(), "canary")
    }).pipe(Effect.scoped)
  )

  it.effect("PF2 no tool is told where our secrets are; files that are none of ours are its own", () =>
    Effect.gen(function* () {
      const path = yield* folder
      const { secrets } = yield* configOf({ SEALING_KEY_FILE: fileIn(path, "key", KEY), THEIR_KEY_FILE: "/their/key" })
      assert.deepStrictEqual(Object.keys(secrets), ["THEIR_KEY_FILE"])
    }).pipe(Effect.scoped)
  )

  it.effect("PF3 the address is the platform's, unless it is said", () =>
    Effect.gen(function* () {
      const issuerOf = (variables: Record<string, string>) => Effect.map(configOf(variables), ({ issuer }) => issuer)
      assert.strictEqual(
        yield* issuerOf({ RENDER_EXTERNAL_URL: "https://gatehouse.onrender.com" }),
        "https://gatehouse.onrender.com"
      )
      assert.strictEqual(
        yield* issuerOf({ RAILWAY_PUBLIC_DOMAIN: "gatehouse.up.railway.app" }),
        "https://gatehouse.up.railway.app"
      )
      assert.strictEqual(yield* issuerOf({ FLY_APP_NAME: "gatehouse" }), "https://gatehouse.fly.dev")
      assert.strictEqual(
        yield* issuerOf({ FLY_APP_NAME: "gatehouse", BASE_URL: "https://mcp.example" }),
        "https://mcp.example"
      )
    })
  )
})
