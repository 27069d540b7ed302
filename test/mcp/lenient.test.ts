import { gzipSync } from "node:zlib"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { testApp } from "../support/app.ts"
import { messageOf, obtainTokens, request, rpc } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientCapabilities": {}
}
const INITIALIZE = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } }

/** A message with a header for `Accept` or none; its version decides the era. */
const post = (
  token: string,
  message: unknown,
  { accept, version }: { readonly accept?: string; readonly version?: string } = {}
) => {
  const { method, params } = Object(message)
  return request("/mcp", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
      ...(accept === undefined ? {} : { accept }),
      ...(version === undefined ? {} : { "mcp-protocol-version": version }),
      ...(version === "2026-07-28" ? { "mcp-method": method, ...(params?.name && { "mcp-name": params.name }) } : {})
    },
    body: JSON.stringify(message)
  })
}
const message = (method: string, params?: unknown, id: unknown = 1) => ({ jsonrpc: "2.0", id, method, params })
const sum = (id: unknown, expression = `${id}*2`) =>
  message("tools/call", { name: "calculator", arguments: { expression } }, id)
const notification = { jsonrpc: "2.0", method: "notifications/initialized" }

for (const lane of ["on", "off"]) {
  layer(testApp(TestDatabase.quick, { MCP_FAST_LANE: lane }), { excludeTestServices: true, timeout: "60 seconds" })(
    `/mcp is lenient, the fast lane ${lane}`,
    (it) => {
      it.effect("F12, MC6 answers whatever takes one of the two types, in that type, in both eras", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          for (const [accept, type] of [
            ["*/*", undefined],
            ["application/*, text/*", undefined],
            ["Application/JSON", "application/json"],
            ["application/json;q=0.5", "application/json"],
            ["text/event-stream", "text/event-stream"],
            ["text/event-stream, application/json;q=0", "text/event-stream"]
          ] as const) {
            for (const version of ["2025-11-25", "2026-07-28", undefined]) {
              const meta = version === "2026-07-28" ? { _meta: META } : {}
              for (const asked of [
                message("tools/list", meta),
                message("tools/call", { ...meta, name: "calculator", arguments: { expression: "6*7" } }),
                // Never plain: for the SDK, whichever lane is on.
                message("resources/list", meta)
              ]) {
                const answer = yield* post(access_token, asked, { accept, ...(version && { version }) })
                const what = `${accept} ${version} ${asked.method}`
                assert.strictEqual(answer.status, 200, what)
                assert.isObject(messageOf(answer).result, what)
                if (type !== undefined) assert.strictEqual(answer.headers.get("content-type"), type, what)
              }
            }
          }
          for (const accept of ["text/html", "application/json;q=0", "text/event-streams"]) {
            const answer = yield* post(access_token, message("tools/list"), { accept })
            assert.strictEqual(answer.status, 406, accept)
            assert.strictEqual(answer.body.error.code, -32600)
          }
          const listen = message("subscriptions/listen", { _meta: META, notifications: {} })
          const only = { accept: "application/json", version: "2026-07-28" }
          assert.strictEqual((yield* post(access_token, listen, only)).status, 406)
        })
      )

      it.effect("F24 null for nothing is nothing", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          for (const [method, params] of [
            ["tools/list", null],
            ["tools/list", { cursor: null }],
            ["tools/list", { _meta: null }],
            ["resources/list", { cursor: null, _meta: null }],
            ["ping", null]
          ] as const) {
            const answer = messageOf(yield* rpc(access_token, method, params))
            assert.isObject(answer.result, `${method} ${JSON.stringify(params)}`)
          }
          const called = messageOf(yield* rpc(access_token, "tools/call", { name: "calculator", arguments: null }))
          assert.isTrue(called.result.isError)
          assert.include(called.result.content[0].text, "required")
        })
      )

      it.effect("F24 params of the wrong shape are -32602 in a sentence, in both eras", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const { protocolVersion: _, ...versionless } = INITIALIZE
          for (const [method, params] of [
            ["initialize", versionless],
            ["initialize", undefined],
            ["initialize", null],
            ["initialize", { ...INITIALIZE, clientInfo: 7 }],
            ["initialize", { ...INITIALIZE, protocolVersion: null }],
            ["tools/list", { cursor: 7 }],
            ["tools/list", { cursor: "" }],
            ["resources/list", { cursor: [] }],
            ["resources/templates/list", { cursor: {} }],
            ["resources/read", {}],
            ["resources/read", { uri: null }],
            ["tools/call", {}],
            ["tools/call", { name: 7 }],
            ["tools/call", { name: "calculator", arguments: "x" }],
            ["tools/call", { name: "calculator", arguments: [] }]
          ] as const) {
            const eras = [
              yield* rpc(access_token, method, params),
              ...(method === "initialize"
                ? []
                : [yield* post(access_token, message(method, { ...params, _meta: META }), { version: "2026-07-28" })])
            ]
            for (const answer of eras) {
              const { error } = messageOf(answer)
              const what = `${method} ${JSON.stringify(params)} ${answer.text}`
              assert.include([-32602, -32020], error?.code, what)
              assert.notMatch(error.message, /[[\]{}\n]/, what)
            }
          }
          // A name that the caller made up is not told back at length.
          const long = yield* rpc(access_token, "initialize", {
            ...INITIALIZE,
            capabilities: { experimental: { ["n".repeat(5000)]: 7 } }
          })
          assert.isBelow(long.text.length, 1000)
        })
      )

      it.effect("B24, F24 a compressed body is 415, behind the token", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const body = gzipSync(JSON.stringify(message("tools/list")))
          const headers = { "content-type": "application/json", "content-encoding": "gzip" }
          assert.strictEqual((yield* request("/mcp", { method: "POST", body, headers })).status, 401)
          const answer = yield* request("/mcp", {
            method: "POST",
            body,
            headers: { ...headers, authorization: `Bearer ${access_token}` }
          })
          assert.strictEqual(answer.status, 415)
          assert.strictEqual(answer.headers.get("accept-encoding"), "identity")
        })
      )

      it.effect("F24 a batch of revision 2025-03-26 is answered member by member, as an array", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const batch = [
            sum(1),
            notification,
            sum("two", "2*2"),
            message("resources/list", {}, 3),
            message("nothing/at/all", {}, 4),
            message("tools/list", { cursor: 7 }, 5),
            { jsonrpc: "2.0", id: 9, result: {} },
            7
          ]
          for (const version of ["2025-03-26", undefined]) {
            for (const accept of ["application/json, text/event-stream", "application/json"]) {
              const answer = yield* post(access_token, batch, { accept, ...(version && { version }) })
              assert.strictEqual(answer.status, 200, answer.text)
              assert.deepStrictEqual(
                answer.body.map(({ id }: { id: unknown }) => id),
                [1, "two", 3, 4, 5, null]
              )
              assert.strictEqual(answer.body[0].result.structuredContent.result, "2")
              assert.strictEqual(answer.body[1].result.structuredContent.result, "4")
              assert.isArray(answer.body[2].result.resources)
              assert.deepStrictEqual(
                answer.body.slice(3).map(({ error }: { error: { code: number } }) => error.code),
                [-32601, -32602, -32600]
              )
            }
          }
          const streamed = yield* post(access_token, [sum(1), sum(2)], { accept: "text/event-stream" })
          assert.lengthOf(streamed.text.match(/^data: \{.*"id":[12].*\}$/gm) ?? [], 2)
        })
      )

      it.effect("F24 a batch of notifications alone is 202", () =>
        Effect.gen(function* () {
          const { access_token } = yield* obtainTokens()
          const answer = yield* post(access_token, [notification, notification])
          assert.strictEqual(answer.status, 202)
          assert.strictEqual(answer.text, "")
        })
      )

      it.effect(
        "F24 a batch of another revision, without members, with too many, or with initialize is refused whole",
        () =>
          Effect.gen(function* () {
            const { access_token } = yield* obtainTokens()
            const many = Array.from({ length: 33 }, (_, id) => sum(id))
            for (const [batch, version] of [
              [[sum(1)], "2025-06-18"],
              [[sum(1)], "2025-11-25"],
              [[sum(1)], "2026-07-28"],
              [[], "2025-03-26"],
              [many, "2025-03-26"],
              [[message("initialize", INITIALIZE), sum(1)], undefined]
            ] as const) {
              const answer = yield* post(access_token, batch, version === undefined ? {} : { version })
              assert.strictEqual(answer.status, 400)
              assert.strictEqual(answer.body.error.code, -32600)
            }
            assert.lengthOf((yield* post(access_token, many.slice(1))).body, 32)
          })
      )

      it.effect(
        "F24, BR8 a batch in which a member lacks a scope is 403 for all that is needed, and does nothing",
        () =>
          Effect.gen(function* () {
            const { access_token } = yield* obtainTokens({ scope: "offline_access" })
            const read = message("tools/call", { name: "fetch", arguments: { id: "https://x.example/" } }, 2)
            const answer = yield* post(access_token, [sum(1), read])
            assert.strictEqual(answer.status, 403)
            assert.include(answer.headers.get("www-authenticate"), 'scope="mcp.tools.call mcp.web.read"')
            assert.notInclude(answer.text, "structuredContent")
            // Those who read challenges in results find them there, beside what was granted.
            const some = yield* obtainTokens()
            const inBand = { ...read, params: { ...Object(read.params), _meta: { "openai/locale": "en" } } }
            const mixed = yield* post(some.access_token, [sum(1), inBand])
            assert.strictEqual(mixed.body[0].result.structuredContent.result, "2")
            assert.isTrue(mixed.body[1].result.isError)
            assert.isArray(mixed.body[1].result._meta["mcp/www_authenticate"])
          })
      )
    }
  )
}
