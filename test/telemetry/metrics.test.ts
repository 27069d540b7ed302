import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { FAMILIES } from "../../src/telemetry/counts.ts"
import { call, exchange, obtainCode, obtainTokens, refresh, request, rpc } from "../support/client.ts"
import { parseExposition } from "../support/exposition.ts"
import { MetricsAt, withMetrics } from "../support/metrics.ts"

const Served = withMetrics({
  RATE_LIMIT_ENABLED: "true",
  RATE_LIMIT_FAILURES_PER_MINUTE: "40",
  REFRESH_REUSE_GRACE_SECONDS: "0"
})

const text = Effect.flatMap(MetricsAt, (at) => Effect.promise(() => fetch(at).then((response) => response.text())))
const scraped = Effect.map(text, parseExposition)

/** What was counted meanwhile: the numbers are the process's, which runs all of the suite. */
const counted = Effect.fn("counted")(function* <E, R>(doing: Effect.Effect<unknown, E, R>) {
  const before = yield* scraped
  yield* doing
  const after = yield* scraped
  return (name: string, labels?: Readonly<Record<string, string>>) => after.of(name, labels) - before.of(name, labels)
})

describe("docs/observe.md", () => {
  it("has every series as it is told", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/observe.md"), "utf8")
    const table = page.split("\n").filter((line) => /^\| `[a-z_]+` \|/.test(line))
    assert.deepStrictEqual(
      table,
      FAMILIES.map(({ described: { name, help, type, labels } }) =>
        ["", `\`${name}\``, labels.map((label) => `\`${label}\``).join(", "), type, help, ""].join(" | ").trim()
      )
    )
  })
})

layer(Served, { excludeTestServices: true, timeout: "2 minutes" })("metrics", (it) => {
  it.effect("MT1 every family is told, with its type, and reads as Prometheus reads it", () =>
    Effect.gen(function* () {
      const { types, of } = yield* scraped
      assert.deepStrictEqual(
        [...types],
        FAMILIES.map(({ described: { name, type } }) => [name, type])
      )
      assert.strictEqual(of("gatehouse_ready"), 1)
      assert.strictEqual(of("gatehouse_info"), 1)
      assert.strictEqual(of("gatehouse_processes"), 1)
      assert.isAbove(of("process_resident_memory_bytes"), 2 ** 20)
      assert.isAbove(of("process_cpu_seconds_total"), 0)
      assert.isAtMost(of("process_start_time_seconds"), Date.now() / 1000)
    })
  )

  it.effect("MT2 calls, grants, errors and reuse are counted as they were made", () =>
    Effect.gen(function* () {
      const { access_token, refresh_token } = yield* obtainTokens()
      const by = yield* counted(
        Effect.gen(function* () {
          for (let at = 0; at < 3; at++) yield* call(access_token, "calculator", { expression: "1+1" })
          yield* call(access_token, "calculator", { expression: "1+" })
          // The SDK's lane: progress was asked for.
          yield* rpc(access_token, "tools/call", {
            name: "calculator",
            arguments: { expression: "2" },
            _meta: { progressToken: 1 }
          })
          yield* call(access_token, "nothing_of_that_name", {})
          yield* exchange(yield* obtainCode(), { code: "mcp_ac_wrong" })
          yield* refresh(refresh_token)
          yield* refresh(refresh_token)
        })
      )
      assert.strictEqual(by("mcp_tool_calls_total", { tool: "calculator", outcome: "ok" }), 4)
      assert.strictEqual(by("mcp_tool_calls_total", { tool: "calculator", outcome: "error" }), 1)
      assert.strictEqual(by("mcp_tool_calls_total"), 5)
      assert.strictEqual(by("mcp_tool_call_duration_seconds_count", { tool: "calculator" }), 5)
      assert.strictEqual(by("mcp_tool_call_duration_seconds_bucket", { tool: "calculator", le: "+Inf" }), 5)
      assert.strictEqual(by("oauth_tokens_issued_total", { grant: "refresh_token" }), 1)
      assert.strictEqual(by("oauth_tokens_issued_total", { grant: "authorization_code" }), 0)
      assert.strictEqual(by("oauth_errors_total", { endpoint: "/token", error: "invalid_grant" }), 2)
      assert.strictEqual(by("oauth_reuse_total"), 1)
      const requests = "http_server_request_duration_seconds_count"
      assert.strictEqual(by(requests, { route: "/mcp", method: "POST", status: "200" }), 6)
      assert.strictEqual(by(requests, { route: "/token", method: "POST", status: "400" }), 2)
      assert.strictEqual(by(requests, { route: "/authorize", method: "GET" }), 1)
    })
  )

  it.effect("MT3 whatever strangers ask for, labels are few and none of their words", () =>
    Effect.gen(function* () {
      const before = yield* scraped
      const odd = (at: number) => `canary${at}`
      yield* Effect.forEach(
        Array.from({ length: 60 }, (_, at) => at),
        (at) =>
          Effect.all([
            request(`/${odd(at)}?${odd(at)}=1`),
            request(`/register/${odd(at)}`, { method: ["GET", "PROPFIND", odd(at).toUpperCase()][at % 3] ?? "GET" }),
            request(`/authorize?client_id=${odd(at)}&error=${odd(at)}`),
            request("/token", {
              method: "POST",
              body: new URLSearchParams({ grant_type: odd(at), client_id: odd(at), refresh_token: odd(at) })
            }),
            rpc(odd(at), odd(at), { name: odd(at) }, { "mcp-protocol-version": odd(at) })
          ]),
        { discard: true }
      )
      const after = yield* scraped
      const known = (samples: typeof before.samples) => new Set(samples.flatMap(({ labels }) => Object.values(labels)))
      for (const value of known(after.samples)) assert.notMatch(value, /canary/i)
      const more = [...known(after.samples)].filter((value) => !known(before.samples).has(value))
      assert.isAtMost(more.length, 30, more.join(" "))
      assert.isAbove(after.of("ratelimit_refused_total", { limit: "failures" }), 0)
      assert.isAbove(after.of("http_server_request_duration_seconds_count", { route: "none", status: "404" }), 59)
      assert.isAbove(after.of("http_server_request_duration_seconds_count", { method: "other" }), 0)
    })
  )

  it.effect("MT4 they are on no other port, at no other path and for no page of a browser", () =>
    Effect.gen(function* () {
      const at = yield* MetricsAt
      assert.strictEqual((yield* request("/metrics")).status, 404)
      const status = (path: string, init: RequestInit = {}) =>
        Effect.promise(() => fetch(new URL(path, at), init).then((response) => response.status))
      for (const path of ["/", "/mcp", "/metrics?x=1", "/metrics/", "/healthz"])
        assert.strictEqual(yield* status(path), 404)
      assert.strictEqual(yield* status("/metrics", { method: "POST" }), 405)
      // A name that leads here, for a page of somebody else's.
      const rebound = yield* Effect.promise(async () => {
        const { request: plain } = await import("node:http")
        return await new Promise<number | undefined>((resolve) =>
          plain(at, { headers: { host: "rebound.example" } }, (response) => {
            response.resume()
            resolve(response.statusCode)
          }).end()
        )
      })
      assert.strictEqual(rebound, 403)
    })
  )

  it.effect("MT5 no token, code, client or address is told", () =>
    Effect.gen(function* () {
      const { code, verifier } = yield* obtainCode()
      const { body } = yield* exchange({ code, verifier })
      yield* call(body.access_token, "calculator", { expression: "31337" })
      yield* refresh(body.refresh_token)
      const told = yield* text
      for (const secret of [code, verifier, body.access_token, body.refresh_token, "31337", "127.0.0.1", "demo"]) {
        assert.notInclude(told, secret)
      }
      assert.notMatch(told, /mcp_(at|rt|ac|cs|reg)_/)
    })
  )
})
