import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { call, obtainTokens, request, rpc } from "../support/client.ts"
import { collector, type Span } from "../support/collector.ts"
import { onPostgres } from "../support/connecting.ts"
import { misbehavingHttp } from "../support/misbehavingHttp.ts"
import { until } from "../support/mountedApp.ts"
import { temporaryFolder } from "../support/program.ts"

const options = { timeout: 300_000 }

const JSON_OFTEN = {
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  OTEL_BSP_SCHEDULE_DELAY: "50",
  OTEL_BLRP_SCHEDULE_DELAY: "50",
  OTEL_METRIC_EXPORT_INTERVAL: "50"
}

const [CALLERS_TRACE, CALLERS_SPAN] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"]
const [OTHER_TRACE, OTHER_SPAN] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"]
const traceparent = `00-${CALLERS_TRACE}-${CALLERS_SPAN}-01`
const ofMessage = `00-${OTHER_TRACE}-${OTHER_SPAN}-01`

/** A server with one behind it, and the traces that this one is told of. */
const mounted = Effect.fn("test.mounted")(function* (settings: Readonly<Record<string, string>>) {
  const heard: Array<string | undefined> = []
  const { url } = yield* misbehavingHttp((message) => {
    if (message.method === "tools/call") heard.push(message.params?._meta?.traceparent)
    return false
  })
  const folder = yield* temporaryFolder
  const GATEHOUSE_FILE = join(folder, "gatehouse.json")
  writeFileSync(GATEHOUSE_FILE, JSON.stringify({ mcpServers: { behind: { url } } }))
  const server = yield* onPostgres({
    GATEHOUSE_FILE,
    // However slow the machine.
    MAX_DELAY_MS: "60000",
    DATA_DIR: folder,
    LOG_LEVEL: "info",
    LOG_FORMAT: "json",
    ...settings
  })
  // Known to all processes when many in turn list it.
  const { access_token } = yield* server.on(obtainTokens())
  let lists = 0
  const isListed = Effect.map(server.on(rpc(access_token, "tools/list")), ({ text }) => {
    lists++
    return text.includes("behind__echo")
  })
  yield* until(Effect.map(Effect.replicateEffect(isListed, 4), (all) => all.every((is) => is)))
  const tokens = yield* server.on(obtainTokens({ scope: "mcp.tools.call mcp.behind" }))
  return { ...server, heard, tokens, lists }
})

const echoed = (token: string, text: string, meta: object, headers: Record<string, string> = {}) =>
  rpc(token, "tools/call", { name: "behind__echo", arguments: { text }, _meta: meta }, headers)

describe("OTLP", () => {
  it.live(
    "OT1 a request is one trace, from who asks to the server behind; numbers and lines are sent too, and no secret",
    () =>
      Effect.gen(function* () {
        const taken = yield* collector()
        const { on, heard, tokens, lists, program } = yield* mounted({
          ...JSON_OFTEN,
          OTEL_EXPORTER_OTLP_ENDPOINT: taken.url,
          OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test%20of%20ours",
          OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
          OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20key"
        })
        yield* on(echoed(tokens.access_token, "one", { traceparent: ofMessage }, { traceparent }))
        yield* on(call(tokens.access_token, "calculator", { expression: "1/0" }))
        // What a caller writes is cut short, and what is left of a token there is cleaned.
        yield* on(call(tokens.access_token, tokens.access_token, {}))
        yield* on(request("/nothing/of/the/kind?code=canary-of-the-query"))
        yield* on(request("/healthz"))
        program.process.kill("SIGTERM")
        // What was told last is sent on the way out.
        assert.strictEqual(yield* program.exited, 0)

        const spans = taken.spans()
        const one = (holds: (span: Span) => boolean, what: string) => {
          const found = spans.filter(holds)
          assert.strictEqual(found.length, 1, `${what} in ${JSON.stringify(spans.map(({ name }) => name))}`)
          return found[0] as Span
        }
        const http = one(({ traceId, name }) => traceId === CALLERS_TRACE && name === "POST /mcp", "the request")
        assert.strictEqual(http.parentSpanId, CALLERS_SPAN)
        assert.deepInclude(http.attributes, {
          "http.request.method": "POST",
          "http.route": "/mcp",
          "http.response.status_code": 200
        })
        const message = one(({ traceId, kind }) => traceId === OTHER_TRACE && kind === 2, "the message")
        assert.strictEqual(message.name, "tools/call behind__echo")
        assert.strictEqual(message.parentSpanId, OTHER_SPAN)
        assert.deepStrictEqual(
          message.links.map(({ spanId }) => spanId),
          [http.spanId]
        )
        const asked = one(({ traceId, kind }) => traceId === OTHER_TRACE && kind === 3, "the request to the mount")
        assert.strictEqual(asked.name, "tools/call behind")
        assert.strictEqual(asked.parentSpanId, message.spanId)
        assert.deepStrictEqual(heard, [`00-${OTHER_TRACE}-${asked.spanId}-01`])
        const failed = one(({ name }) => name === "tools/call calculator", "the other call")
        assert.strictEqual(failed.attributes["error.type"], "error")
        assert.strictEqual(one(({ name }) => name === "GET", "what has no route").status.code, 1)
        assert.isFalse(spans.some(({ name }) => name.includes("healthz")))
        // What a request made the database do is a part of it.
        const token = spans.find(({ name }) => name === "POST /token")
        const asks = spans.filter(
          ({ traceId, attributes }) => traceId === token?.traceId && "db.query.text" in attributes
        )
        assert.isAbove(asks.length, 0)

        const line = taken
          .logs()
          .find(({ traceId, body }) => traceId === CALLERS_TRACE && body.stringValue === "request")
        assert.strictEqual(line?.attributes.path, "/mcp")
        assert.match(program.output(), new RegExp(`"path":"/mcp"[^\\n]*"trace_id":"${CALLERS_TRACE}"`))

        const [calls] = taken
          .points("http_server_request_duration_seconds")
          .filter(({ attributes }) => attributes.route === "/mcp" && attributes.status === "200")
        assert.strictEqual(calls?.count, lists + 3)
        assert.strictEqual(spans.filter(({ name }) => name === "POST /mcp").length, lists + 3)
        assert.strictEqual(calls?.bucketCounts?.length, (calls?.explicitBounds?.length ?? 0) + 1)
        assert.strictEqual(taken.points("oauth_tokens_issued_total")[0]?.asDouble, 2)
        assert.isAbove(taken.points("process_resident_memory_bytes")[0]?.asDouble ?? 0, 2 ** 20)

        const paths = new Set(taken.sent.map(({ path }) => path))
        assert.deepStrictEqual([...paths].sort(), ["/v1/logs", "/v1/metrics", "/v1/traces"])
        for (const path of paths) {
          const [resource] = taken.resources(path)
          assert.strictEqual(resource?.["service.name"], "gatehouse")
          assert.strictEqual(resource?.["deployment.environment.name"], "test of ours")
        }
        assert.isTrue(taken.sent.every(({ headers }) => headers["x-key"] === "a key"))
        assert.isTrue(taken.sent.some(({ headers }) => headers["content-encoding"] === "gzip"))
        for (const secret of [tokens.access_token.slice(0, 32), tokens.refresh_token, "canary-of-the-query"]) {
          assert.notInclude(taken.text(), secret)
        }
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "OT2 where nothing is traced no span is made, and what a caller says of its trace is handed on as it is",
    () =>
      Effect.gen(function* () {
        const taken = yield* collector()
        const { on, heard, tokens, lists, program } = yield* mounted({
          ...JSON_OFTEN,
          WORKERS: "2",
          OTEL_EXPORTER_OTLP_ENDPOINT: taken.url,
          OTEL_SERVICE_NAME: "ours",
          OTEL_LOGS_EXPORTER: "none",
          OTEL_TRACES_SAMPLER: "always_off"
        })
        // Connections are dealt out in turn, and the session with the mount lives in one of the workers.
        for (const _ of [1, 2]) {
          yield* on(echoed(tokens.access_token, "by the message", { traceparent: ofMessage }, { traceparent }))
          yield* on(echoed(tokens.access_token, "by the request", {}, { traceparent }))
          yield* on(echoed(tokens.access_token, "no trace", { traceparent: "00-nonsense-01" }, { traceparent: "x" }))
        }
        assert.deepStrictEqual(heard, [ofMessage, traceparent, undefined, ofMessage, traceparent, undefined])
        const answered = () =>
          taken
            .points("http_server_request_duration_seconds")
            .find(({ attributes }) => attributes.route === "/mcp" && attributes.status === "200")?.count
        yield* until(Effect.sync(() => answered() === lists + 6))
        program.process.kill("SIGTERM")
        assert.strictEqual(yield* program.exited, 0)
        assert.strictEqual(answered(), lists + 6)
        // All workers are told of as one server.
        const instances = taken.resources("/v1/metrics").map((resource) => resource["service.instance.id"])
        assert.strictEqual(new Set(instances).size, 1)
        assert.strictEqual(taken.resources("/v1/metrics")[0]?.["service.name"], "ours")
        assert.deepStrictEqual([...new Set(taken.sent.map(({ path }) => path))], ["/v1/metrics"])
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "OT3 a collector that never answers takes nothing: requests are answered, few exports wait, and the end comes in time",
    () =>
      Effect.gen(function* () {
        const taken = yield* collector("never")
        const { on, program } = yield* onPostgres({
          LOG_LEVEL: "info",
          OTEL_EXPORTER_OTLP_ENDPOINT: taken.url,
          OTEL_EXPORTER_OTLP_TIMEOUT: "200",
          OTEL_BSP_SCHEDULE_DELAY: "1",
          OTEL_BLRP_SCHEDULE_DELAY: "1",
          OTEL_METRIC_EXPORT_INTERVAL: "1"
        })
        yield* until(Effect.sync(() => program.output().includes("telemetry is not taken")))
        for (let at = 0; at < 20; at++) assert.strictEqual((yield* on(request("/"))).status, 200)
        program.process.kill("SIGTERM")
        assert.strictEqual(yield* program.exited, 0)
        assert.isAbove(taken.sent.length, 0)
        assert.isAtMost(taken.most(), 8)
        // Protocol buffers, unless something else is said.
        assert.isTrue(taken.sent.every(({ headers }) => headers["content-type"] === "application/x-protobuf"))
      }).pipe(Effect.scoped),
    options
  )

  it.live(
    "OT3 a collector that refuses what it is sent, or leads elsewhere, is told of in the log, once",
    () =>
      Effect.gen(function* () {
        const taken = yield* collector(401)
        const elsewhere = yield* collector()
        const leading = yield* collector(307, { location: elsewhere.url })
        const { on, program } = yield* onPostgres({
          ...JSON_OFTEN,
          LOG_LEVEL: "warn",
          OTEL_EXPORTER_OTLP_ENDPOINT: taken.url,
          OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: leading.url
        })
        yield* until(Effect.sync(() => program.output().includes("telemetry is not taken")))
        assert.strictEqual((yield* on(request("/"))).status, 200)
        yield* until(Effect.sync(() => leading.sent.length > 0))
        program.process.kill("SIGTERM")
        assert.strictEqual(yield* program.exited, 0)
        assert.strictEqual(program.output().split(/may be lost: the answer was (?:401|307)/).length, 2)
        assert.deepStrictEqual(elsewhere.sent, [])
      }).pipe(Effect.scoped),
    options
  )
})
