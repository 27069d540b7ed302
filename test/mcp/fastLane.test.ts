import { assert, it } from "@effect/vitest"
import { Arbitrary, Context, Effect, Layer, Schema } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import { type Answer, messageOf, obtainTokens, request } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"

/** The same server twice: with the fast lane, and with the SDK alone, which is the oracle. */
class Lanes extends Context.Service<
  Lanes,
  Record<"fast" | "sdk", { readonly app: TestApp["Service"]; readonly all: string; readonly few: string }>
>()("test/Lanes") {
  static readonly layer = Layer.effect(
    Lanes,
    Effect.gen(function* () {
      const start = (MCP_FAST_LANE: string) =>
        Effect.gen(function* () {
          const context = yield* Layer.build(Layer.fresh(testApp(TestDatabase.quick, { MCP_FAST_LANE })))
          const tokens = (scope: string) => Effect.map(obtainTokens({ scope }), ({ access_token }) => access_token)
          return {
            app: Context.get(context, TestApp),
            all: yield* Effect.provide(tokens("mcp.tools.call mcp.web.read"), context),
            few: yield* Effect.provide(tokens("mcp.tools.call"), context)
          }
        })
      return { fast: yield* start("on"), sdk: yield* start("off") }
    })
  )
}

const one = <const Values extends ReadonlyArray<unknown>>(...values: Values): Values => values

/** As `one`, with the first `count` of them a good deal more often: most requests should be nearly right. */
const mostly = <const Values extends ReadonlyArray<unknown>>(
  count: number,
  ...values: Values
): ReadonlyArray<Values[number]> => [
  ...Array.from({ length: 4 * Math.ceil(values.length / count) }, () => values.slice(0, count)).flat(),
  ...values
]

const META = "io.modelcontextprotocol"
const capabilities = one({}, { sampling: {} }, { roots: { listChanged: true }, elicitation: {} }, { odd: 1 }, 7, {
  sampling: 7
})
const metas = mostly<ReadonlyArray<unknown>>(
  7,
  undefined,
  {},
  { "openai/locale": "en" },
  { [`${META}/protocolVersion`]: "2026-07-28", [`${META}/clientCapabilities`]: {} },
  { [`${META}/protocolVersion`]: "2026-07-28", [`${META}/clientCapabilities`]: { sampling: {} }, "x/y": 1 },
  {
    [`${META}/protocolVersion`]: "2026-07-28",
    [`${META}/clientCapabilities`]: {},
    [`${META}/clientInfo`]: { name: "a", version: "1" }
  },
  { [`${META}/protocolVersion`]: "2026-07-28", [`${META}/clientCapabilities`]: {}, "openai/locale": "en" },
  { [`${META}/protocolVersion`]: "2026-07-28", [`${META}/clientCapabilities`]: {}, progressToken: "p" },
  { [`${META}/protocolVersion`]: "2026-07-28", [`${META}/clientCapabilities`]: {}, [`${META}/logLevel`]: "info" },
  { progressToken: 1 },
  { [`${META}/protocolVersion`]: "2026-07-28" },
  { [`${META}/protocolVersion`]: "2025-11-25", [`${META}/clientCapabilities`]: {} },
  { [`${META}/protocolVersion`]: "2026-07-28", [`${META}/clientCapabilities`]: 7 },
  {
    [`${META}/protocolVersion`]: "2026-07-28",
    [`${META}/clientCapabilities`]: {},
    [`${META}/clientInfo`]: { name: 1 }
  },
  7,
  []
)
const args = mostly<ReadonlyArray<unknown>>(
  6,
  undefined,
  {},
  { expression: "0.1 + 0.2" },
  { expression: "1/0" },
  { expression: 7 },
  { id: "javascript:alert(1)" },
  { expression: "1", more: true },
  { location: 7 },
  null,
  7,
  "x",
  []
)
const method = one(
  "tools/call",
  "tools/call",
  "tools/call",
  "tools/list",
  "ping",
  "server/discover",
  "initialize",
  "notifications/initialized",
  "resources/list",
  "nothing/at/all",
  7,
  undefined
)
const CHOICES = {
  method,
  jsonrpc: mostly(1, "2.0", "1.0", undefined),
  id: mostly<ReadonlyArray<unknown>>(6, 1, 0, -7, "a", "", 'quo"te\\', 1.5, null, undefined, {}, 2 ** 60, true),
  name: mostly<ReadonlyArray<unknown>>(2, "calculator", "fetch", "unknown", undefined, 7),
  arguments: args,
  meta: metas,
  cursor: mostly<ReadonlyArray<unknown>>(1, undefined, "", "x", 7, null),
  protocolVersion: one<ReadonlyArray<unknown>>("2025-11-25", "2025-03-26", "1999-01-01", "2026-07-28", undefined, 7),
  capabilities,
  clientInfo: one<ReadonlyArray<unknown>>(
    { name: "a", version: "1" },
    { name: "a", version: "1", title: "A" },
    { name: "a" },
    7
  ),
  extraMember: mostly(1, false, true),
  extraParam: mostly(1, false, true),
  paramsAre: mostly(1, "as they should", "absent", "a list", "null"),
  versionHeader: mostly(4, "2026-07-28", "2025-11-25", "2025-06-18", undefined, "1999-01-01", ""),
  methodHeader: mostly(1, "right", "absent", "wrong", "encoded"),
  nameHeader: mostly(1, "right", "absent", "wrong", "encoded"),
  accept: mostly(
    2,
    "application/json, text/event-stream",
    "text/event-stream;q=0.5, application/json;q=1",
    "application/json",
    "text/event-stream",
    "*/*",
    "Application/JSON;q=0.1",
    "text/*",
    "application/json;q=0, */*",
    "text/html",
    undefined
  ),
  token: one("all", "all", "few")
}
type Parts = { readonly [Name in keyof typeof CHOICES]: (typeof CHOICES)[Name][number] }

/** One of the choices for each part. */
const RequestParts: Arbitrary.Arbitrary<Parts> = Arbitrary.schema(
  Schema.Struct(
    Object.fromEntries(
      Object.entries(CHOICES).map(([name, values]) => [
        name,
        Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: values.length - 1 }))
      ])
    )
  )
).pipe(
  Arbitrary.map(
    (indices) =>
      // Each index is within its own list.
      Object.fromEntries(
        Object.entries<ReadonlyArray<unknown>>(CHOICES).map(([name, values]) => [name, values[indices[name] ?? 0]])
      ) as Parts
  )
)

const encoded = (text: string) => `=?base64?${Buffer.from(text).toString("base64")}?=`
const header = (how: string, value: unknown) => {
  if (how === "absent" || typeof value !== "string") return undefined
  return how === "right" ? value : how === "encoded" ? encoded(value) : `${value}x`
}

const paramsOf = (parts: Parts) => {
  if (parts.paramsAre === "absent") return undefined
  if (parts.paramsAre === "a list") return []
  if (parts.paramsAre === "null") return null
  const own: Record<string, unknown> =
    parts.method === "tools/call"
      ? { name: parts.name, arguments: parts.arguments }
      : parts.method === "initialize"
        ? { protocolVersion: parts.protocolVersion, capabilities: parts.capabilities, clientInfo: parts.clientInfo }
        : { cursor: parts.cursor }
  return { ...own, _meta: parts.meta, ...(parts.extraParam ? { extra: 1 } : {}) }
}

const send = (parts: Parts, token: string) => {
  const headers: Record<string, string | undefined> = {
    "content-type": "application/json",
    authorization: `Bearer ${token}`,
    accept: parts.accept,
    "mcp-protocol-version": parts.versionHeader,
    "mcp-method": header(parts.methodHeader, parts.method),
    "mcp-name": header(parts.nameHeader, parts.method === "tools/call" ? parts.name : undefined)
  }
  return request("/mcp", {
    method: "POST",
    headers: Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
    ),
    body: JSON.stringify({
      jsonrpc: parts.jsonrpc,
      id: parts.id,
      method: parts.method,
      params: paramsOf(parts),
      ...(parts.extraMember ? { extra: 1 } : {})
    })
  })
}

/** What has to be the same. The SDK frames answers of the 2025 era as an event stream, ours are plain JSON. */
const essence = (answer: Answer, baseUrl: string) => ({
  status: answer.status,
  message: answer.text === "" ? undefined : JSON.parse(JSON.stringify(messageOf(answer)).replaceAll(baseUrl, "BASE")),
  challenge: answer.headers.get("www-authenticate")?.replaceAll(baseUrl, "BASE"),
  cache: answer.headers.get("cache-control")
})
const isStream = (answer: Answer) => answer.headers.get("content-type")?.startsWith("text/event-stream") === true

const RUNS = Number(process.env.LANE_RUNS ?? 1500)
const options = { excludeTestServices: true, timeout: "60 seconds" } as const

it.layer(Lanes.layer, options)("the fast lane", (it) => {
  /** Requests of the 2025 era that took the lane; in the 2026 era both lanes look alike. */
  let taken = 0

  it.effect.prop(
    "answers every request as the SDK does, valid or not, in both eras",
    [RequestParts],
    ([parts]) =>
      Effect.gen(function* () {
        const lanes = yield* Lanes
        const through = (lane: "fast" | "sdk") =>
          Effect.gen(function* () {
            const { app, ...tokens } = lanes[lane]
            const answer = yield* Effect.provideService(send(parts, tokens[parts.token]), TestApp, app)
            return { essence: essence(answer, app.baseUrl), isStream: isStream(answer) }
          })
        const [fast, sdk] = yield* Effect.all([through("fast"), through("sdk")], { concurrency: 2 })
        assert.deepStrictEqual(fast.essence, sdk.essence)
        if (sdk.isStream && !fast.isStream) taken++
      }),
    { arbitrary: { runs: RUNS }, timeout: 240_000 }
  )

  it.effect("takes the requests that clients send all day, and tells so by not being an event stream", () =>
    Effect.gen(function* () {
      const { app, all } = (yield* Lanes).fast
      const usual = {
        jsonrpc: "2.0",
        id: 1,
        name: "calculator",
        arguments: { expression: "0.1 + 0.2" },
        meta: undefined,
        cursor: undefined,
        protocolVersion: "2025-11-25",
        capabilities: { roots: { listChanged: true }, elicitation: {} },
        clientInfo: { name: "a", version: "1" },
        extraMember: false,
        extraParam: false,
        paramsAre: "as they should",
        versionHeader: "2025-11-25",
        methodHeader: "right",
        nameHeader: "right",
        accept: "application/json, text/event-stream",
        token: "all"
      } as const
      for (const method of ["tools/call", "tools/list", "ping", "initialize"] as const) {
        const answer = yield* Effect.provideService(send({ ...usual, method }, all), TestApp, app)
        assert.strictEqual(answer.headers.get("content-type"), "application/json", method)
        assert.isObject(answer.body.result, method)
      }
      // The comparison above was no comparison of the SDK with itself.
      assert.isAbove(taken, RUNS / 50)
    })
  )
})
