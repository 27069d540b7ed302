import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { ServerConfig } from "../../src/config/ServerConfig.ts"

const configOf = (variables: Record<string, string>) =>
  Effect.provide(ServerConfig, ServerConfig.layerOf(variables)) as Effect.Effect<
    ServerConfig["Service"],
    { readonly problems: ReadonlyArray<string>; readonly message: string }
  >
const problemsOf = (variables: Record<string, string>) =>
  Effect.map(Effect.flip(configOf(variables)), ({ problems }) => problems.map((problem) => problem.split(" ")[0]))

describe("configuration", () => {
  it.effect("nothing set is a server on localhost with an embedded database and a public demo client", () =>
    Effect.gen(function* () {
      const config = yield* configOf({})
      assert.strictEqual(config.issuer, "http://localhost:3000")
      assert.strictEqual(config.resource, "http://localhost:3000/mcp")
      assert.strictEqual(config.host, "127.0.0.1")
      assert.deepStrictEqual(config.database, { _tag: "Embedded", dataDir: ".data" })
      assert.strictEqual(config.seedClient?.id, "demo")
      assert.isUndefined(config.seedClient?.secret)
      assert.deepStrictEqual(config.lifetimes, {
        accessToken: 3600,
        refreshToken: 2_592_000,
        authorizationCode: 60,
        session: 31_536_000,
        refreshReuseGrace: 0
      })
      assert.strictEqual(config.search.provider, "wikipedia")
      assert.strictEqual(config.signUp, "invited")
    })
  )

  it.effect("empty means unset, for every variable", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* configOf({ PORT: "", BASE_URL: " ", DATABASE_URL: "", AUTO_SEED_CLIENT_ID: "", CORS_ORIGINS: "" }),
        yield* configOf({})
      )
    })
  )

  it.effect("every wrong value is reported at once, by name, and never with the value", () =>
    Effect.gen(function* () {
      const variables = {
        PORT: "canary-1",
        BASE_URL: "canary-2",
        DATABASE_URL: "canary-3",
        REDIS_URL: "https://canary-8",
        ENABLE_CLEANUP_JOB: "canary-4",
        CORS_ORIGINS: "*",
        MCP_ALLOWED_HOSTS: "*",
        TRUST_PROXY: "canary-5",
        LOG_LEVEL: "canary-6",
        SIGN_UP: "canary-7",
        REFRESH_REUSE_GRACE_SECONDS: "-1",
        AUTO_SEED_CLIENT_NAME: "x"
      }
      assert.sameMembers(
        yield* problemsOf(variables),
        Object.keys(variables).map((name) => name.replace("_NAME", "_ID"))
      )
      assert.notInclude((yield* Effect.flip(configOf(variables))).message, "canary")
    })
  )

  it.effect("OP9 outside localhost http and AUTO_APPROVE refuse to start, and the demo person has to be allowed", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf({ BASE_URL: "http://gate.example", AUTO_APPROVE: "true" }), [
        "BASE_URL",
        "AUTO_APPROVE"
      ])
      assert.isFalse((yield* configOf({ BASE_URL: "https://gate.example" })).demoConsent)
      assert.isTrue((yield* configOf({ BASE_URL: "https://gate.example", DEMO_CONSENT: "true" })).demoConsent)
      assert.isTrue((yield* configOf({})).demoConsent)
      assert.isDefined(yield* configOf({ AUTO_APPROVE: "true" }))
    })
  )

  it.effect("BASE_URL alone decides issuer, hosts and origins", () =>
    Effect.gen(function* () {
      const config = yield* configOf({ BASE_URL: "https://Abc.ngrok.example/", DEMO_CONSENT: "true" })
      assert.strictEqual(config.issuer, "https://abc.ngrok.example")
      assert.deepStrictEqual(config.allowedHosts, ["abc.ngrok.example"])
      assert.deepStrictEqual(config.corsOrigins, ["https://abc.ngrok.example"])
      for (const bad of ["https://a.example/path", "https://a.example?x", "https://u@a.example", "ftp://a.example"]) {
        assert.include(yield* problemsOf({ BASE_URL: bad, DEMO_CONSENT: "true" }), "BASE_URL")
      }
    })
  )

  it.effect(
    "F23 the origins of apps may be listed, as browsers write them; what is no origin, or everybody's, may not",
    () =>
      Effect.gen(function* () {
        const config = yield* configOf({
          BASE_URL: "https://gate.example",
          DEMO_CONSENT: "true",
          CORS_ORIGINS: "http://localhost:6274, vscode-webview://*, capacitor://localhost",
          MCP_ALLOWED_ORIGINS: "HTTPS://App.example:443, tauri://localhost"
        })
        assert.sameMembers(
          [...config.corsOrigins],
          [
            "https://gate.example",
            "http://localhost:6274",
            "vscode-webview://*",
            "capacitor://localhost",
            "https://app.example",
            "tauri://localhost"
          ]
        )
        for (const bad of [
          "*",
          "null",
          "https://*",
          "http://*",
          "https://*.app.example",
          "https://a.example/",
          "javascript://x",
          "data://x",
          "file://",
          "file://x",
          "about:blank",
          "capacitor://",
          "capacitor://a/b",
          "*://localhost",
          "localhost"
        ]) {
          assert.deepStrictEqual(yield* problemsOf({ CORS_ORIGINS: bad }), ["CORS_ORIGINS"], bad)
          assert.deepStrictEqual(yield* problemsOf({ MCP_ALLOWED_ORIGINS: bad }), ["MCP_ALLOWED_ORIGINS"], bad)
        }
      })
  )

  it.effect("the pooler mode is read off the port, and may be said", () =>
    Effect.gen(function* () {
      const poolerOf = (url: string, said: Record<string, string> = {}) =>
        Effect.map(configOf({ DATABASE_URL: url, ...said }), ({ database }) =>
          database._tag === "Postgres" ? database.pooler : undefined
        )
      assert.strictEqual(yield* poolerOf("postgresql://u:p@h:5432/d"), "session")
      assert.strictEqual(yield* poolerOf("postgres://u:p@h:6543/d"), "transaction")
      assert.strictEqual(yield* poolerOf("postgres://u:p@h/d", { DATABASE_POOLER: "transaction" }), "transaction")
    })
  )

  it.effect("secrets do not print", () =>
    Effect.gen(function* () {
      const config = yield* configOf({
        DATABASE_URL: "postgresql://u:canary@h/d",
        AUTO_SEED_CLIENT_ID: "x",
        AUTO_SEED_REDIRECT_URIS: "https://x.example/cb, https://x.example/cb2",
        AUTO_SEED_CLIENT_SECRET: "canary",
        KAGI_API_KEY: "canary"
      })
      assert.notInclude(JSON.stringify(config), "canary")
      assert.strictEqual(config.search.provider, "kagi")
      assert.deepStrictEqual(config.seedClient?.redirectUris, ["https://x.example/cb", "https://x.example/cb2"])
      assert.strictEqual(config.search.apiKey && Redacted.value(config.search.apiKey), "canary")
    })
  )

  it.effect("with a database of one's own, no client is seeded unless asked for", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* configOf({ DATABASE_URL: "postgresql://u@h/d" })).seedClient)
    })
  )

  it.effect("OTLP goes where OpenTelemetry's variables say, and nowhere unless they do", () =>
    Effect.gen(function* () {
      assert.isUndefined((yield* configOf({ OTEL_SERVICE_NAME: "ours", OTEL_TRACES_SAMPLER: "always_on" })).otlp)
      const base = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318/" }
      assert.isUndefined((yield* configOf({ ...base, OTEL_SDK_DISABLED: "true" })).otlp)
      const { otlp } = yield* configOf({
        ...base,
        OTEL_LOGS_EXPORTER: "none",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://traces.example/in",
        OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%3Db, other=",
        OTEL_RESOURCE_ATTRIBUTES: "service.name=theirs,where=here",
        OTEL_SERVICE_NAME: "ours",
        OTEL_TRACES_SAMPLER: "traceidratio",
        OTEL_TRACES_SAMPLER_ARG: "0.25"
      })
      assert.deepStrictEqual(otlp?.to, {
        logs: undefined,
        metrics: "http://127.0.0.1:4318/v1/metrics",
        traces: "https://traces.example/in"
      })
      assert.deepStrictEqual(otlp?.headers && Redacted.value(otlp.headers), { "x-key": "a=b", other: "" })
      assert.deepStrictEqual(otlp?.resource, { "service.name": "ours", where: "here" })
      assert.deepStrictEqual(otlp?.sampling, { byParent: false, ratio: 0.25 })
      const samplers = {
        always_on: [false, 1],
        always_off: [false, 0],
        parentbased_always_on: [true, 1],
        parentbased_always_off: [true, 0],
        parentbased_traceidratio: [true, 1]
      }
      for (const [OTEL_TRACES_SAMPLER, [byParent, ratio]] of Object.entries(samplers)) {
        const { otlp } = yield* configOf({ ...base, OTEL_TRACES_SAMPLER })
        assert.deepStrictEqual(otlp?.sampling as unknown, { byParent, ratio }, OTEL_TRACES_SAMPLER)
      }
      const wrong = {
        OTEL_EXPORTER_OTLP_ENDPOINT: "127.0.0.1:4318",
        OTEL_EXPORTER_OTLP_HEADERS: "nothing of the kind",
        OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
        OTEL_METRICS_EXPORTER: "prometheus",
        OTEL_RESOURCE_ATTRIBUTES: "name=%zz",
        OTEL_TRACES_SAMPLER_ARG: "2"
      }
      const { problems, message } = yield* Effect.flip(configOf(wrong))
      assert.sameMembers(
        problems.map((problem) => problem.split(" ")[0] ?? ""),
        Object.keys(wrong)
      )
      assert.notInclude(message, "nothing of the kind")
      assert.deepStrictEqual((yield* configOf({ OTEL_EXPORTER_OTLP_HEADERS: "x-key=1" })).secrets, {})
    })
  )
})
