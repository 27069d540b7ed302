import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import { discover, link, refreshed, registerAt, useTools } from "../clients/profile.ts"
import { freePort, TestApp, testApp } from "../support/app.ts"
import { listen, obtainTokens, request } from "../support/client.ts"
import { capturedLogs } from "../support/logs.ts"
import { TestDatabase } from "../support/postgres.ts"
import { behindProxy, counting, PROXIES } from "../support/proxies.ts"
import { withChanges } from "../support/toolset.ts"

const DEPLOY = join(import.meta.dirname, "../../deploy")
/** 60 is what proxies wait at most by default; the suite does not. */
const IDLE_SECONDS = Number(process.env.PROXY_IDLE_SECONDS ?? "0")

/** A server that is known by the address of the proxy before it, and answers there. */
const behind = (name: keyof typeof PROXIES) =>
  Effect.gen(function* () {
    const proxy = PROXIES[name]
    if (proxy === undefined) return yield* Effect.die(new Error(`no ${name} here`))
    const port = yield* freePort
    const baseUrl = `https://localhost:${port}`
    const variables = { BASE_URL: baseUrl, TRUST_PROXY: "1", LOG_LEVEL: "info", LOG_FORMAT: "json" }
    const context = yield* Layer.build(testApp(TestDatabase.quick, variables, PublicWeb.layer, withChanges))
    const app = yield* Effect.provideContext(TestApp, context)
    const relay = yield* counting(app.port)
    yield* behindProxy(proxy, port, relay.port)
    const there = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      effect.pipe(Effect.provideService(TestApp, { ...app, baseUrl }), Effect.provideContext(context))
    return { baseUrl, connections: relay.connections, there }
  })

const listenTo = Effect.fnUntraced(function* (token: string) {
  const answer = yield* listen(token)
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
  yield* Effect.promise(async () => {
    // It stays open: what it says comes through before its end.
    let said = ""
    while (!said.includes("acknowledged")) said += (await reader?.read())?.value ?? assert.fail(`it ended: ${said}`)
    await reader?.cancel()
  })
})

describe("behind a proxy", () => {
  for (const name of ["Caddy", "nginx"] as const) {
    it.live.skipIf(!(name in PROXIES))(
      `over TLS, ${name} passes on all that ChatGPT does, streams as they come, and whose request it is`,
      () =>
        Effect.gen(function* () {
          const { lines } = yield* capturedLogs
          const { baseUrl, connections, there } = yield* behind(name)
          yield* there(
            Effect.gen(function* () {
              const discovered = yield* discover("openai-mcp", {
                challenge: true,
                server: ["/.well-known/oauth-authorization-server"]
              })
              assert.strictEqual(discovered.server.issuer, baseUrl)
              const redirect_uri = "https://chatgpt.com/connector_platform_oauth_redirect"
              const { client_id } = yield* registerAt(discovered, {
                client_name: "ChatGPT",
                redirect_uris: [redirect_uri],
                grant_types: ["authorization_code", "refresh_token"],
                token_endpoint_auth_method: "none"
              })
              const identity = { client_id, redirect_uri }
              const scope = `${discovered.challengeScope} offline_access`
              const tokens = yield* link(discovered, identity, { scope, resource: discovered.url })
              yield* useTools("openai-mcp", yield* refreshed(discovered, identity, tokens))

              yield* listenTo((yield* obtainTokens()).access_token)

              // Whatever a caller says of its address, the proxy knows better.
              yield* request("/account", { headers: { "x-forwarded-for": "198.51.100.7" } })
              const asked = lines.findLast(({ annotations }) => annotations.path === "/account")
              assert.strictEqual(asked?.annotations.client, "127.0.0.1")

              // An idle connection is there for the next request.
              yield* request("/healthz")
              const before = connections()
              yield* Effect.sleep(`${IDLE_SECONDS} seconds`)
              for (let time = 0; time < 3; time++) assert.strictEqual((yield* request("/healthz")).status, 200)
              assert.strictEqual(connections(), before)
            })
          )
        }).pipe(Effect.scoped),
      { timeout: 120_000 + 1000 * IDLE_SECONDS }
    )
  }

  it.live("idle connections are let go by the proxy, and not by this server while a request may be on its way", () =>
    Effect.gen(function* () {
      const answer = yield* request("/healthz")
      const ours = Number(/timeout=(\d+)/.exec(answer.headers.get("keep-alive") ?? "")?.[1])
      const said = [
        /keepalive (\d+)s/.exec(readFileSync(join(DEPLOY, "Caddyfile"), "utf8")),
        /keepalive_timeout (\d+)s/.exec(readFileSync(join(DEPLOY, "nginx.conf"), "utf8"))
      ].map((match) => Number(match?.[1]))
      for (const theirs of said) {
        assert.isAtLeast(theirs, 60)
        assert.isAbove(ours, theirs)
      }
    }).pipe(Effect.provide(testApp(TestDatabase.quick)))
  )
})
