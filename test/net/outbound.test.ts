import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Logger, Redacted, Schedule, Schema } from "effect"
import { Outbound, OutboundTimeout } from "../../src/net/outbound.ts"
import { type Answering, answerJson, answerText, upstream } from "../support/upstream.ts"

const KEY = "key-canary-0123456789"
const QUERY = "what somebody searches for"

/** Asks a stub that answers in this way, with a key and a query that nothing may repeat. */
const ask = Effect.fn("ask")(
  function* (answers: ReadonlyArray<Answering>, over: { readonly body?: Record<string, unknown> } = {}) {
    const stub = yield* upstream(...answers)
    const outbound = yield* Outbound
    const result = yield* Effect.result(
      outbound.json({
        service: "Example",
        url: `${stub.url}/search`,
        query: { q: QUERY },
        key: { header: "authorization", scheme: "Bearer", value: Redacted.make(KEY) },
        answer: Schema.Struct({ value: Schema.Finite }),
        ...over
      })
    )
    return { result, stub }
  },
  Effect.scoped,
  Effect.provide(Outbound.layer)
)

const lines: Array<string> = []
const Recording = Logger.layer([
  Logger.make((entry) => lines.push(JSON.stringify([entry.message, String(entry.cause)])))
])

const failsWith = Effect.fn("failsWith")(function* (answers: ReadonlyArray<Answering>, expected: RegExp, requests = 1) {
  lines.length = 0
  const { result, stub } = yield* ask(answers)
  assert.strictEqual(result._tag, "Failure")
  const message = result._tag === "Failure" ? result.failure.message : ""
  assert.match(message, expected)
  assert.strictEqual(stub.asked.length, requests)
  for (const secret of [KEY, QUERY, "127.0.0.1", "canary"]) {
    assert.notInclude(message, secret)
    assert.notInclude(lines.join(), secret)
  }
}, Effect.provide(Recording))

describe("outbound", () => {
  it.live("asks with its key and its name, and reads the answer", () =>
    Effect.gen(function* () {
      const { result, stub } = yield* ask([answerJson({ value: 3, more: true })])
      assert.deepEqual(result._tag === "Success" && result.success, { value: 3 })
      const [asked] = stub.asked
      assert.strictEqual(asked?.method, "GET")
      assert.strictEqual(asked?.url.searchParams.get("q"), QUERY)
      assert.strictEqual(asked?.headers.authorization, `Bearer ${KEY}`)
      assert.match(asked?.headers["user-agent"] ?? "", /^Gatehouse\//)
      assert.isUndefined(asked?.headers.traceparent)
    })
  )

  it.live("repeats a GET that met a failing server, and a POST never", () =>
    Effect.gen(function* () {
      const read = yield* ask([answerText("no", 500), answerText("no", 503), answerJson({ value: 1 })])
      assert.strictEqual(read.result._tag, "Success")
      assert.strictEqual(read.stub.asked.length, 3)
      const written = yield* ask([answerText("no", 500), answerJson({ value: 1 })], { body: { q: QUERY } })
      assert.strictEqual(written.result._tag, "Failure")
      assert.strictEqual(written.stub.asked.length, 1)
      assert.strictEqual(written.stub.asked[0]?.body, JSON.stringify({ q: QUERY }))
    }).pipe(Effect.provide(Recording))
  )

  it.live("MC15 says what happened upstream, and never the key, the address or the words", () =>
    Effect.gen(function* () {
      yield* failsWith([answerText(`canary ${KEY}`, 500)], /^Example has a problem of its own \(500\)/, 3)
      yield* failsWith([answerText("canary", 404)], /^Example did not accept the request \(404\)/)
      yield* failsWith([answerText(KEY, 401)], /^Example refused this server \(401\)/)
      yield* failsWith([answerText(KEY, 403)], /^Example refused this server \(403\)/)
      yield* failsWith([answerText("", 429, { "retry-after": "7" })], /Try again in 7 seconds/)
      yield* failsWith([answerText("", 429, { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" })], /Try again later/)
      yield* failsWith([answerText("{broken canary")], /not understood/)
      yield* failsWith([answerText("")], /not understood/)
      yield* failsWith([answerJson({ value: "canary" })], /not understood/)
      yield* failsWith([answerJson([KEY])], /not understood/)
      yield* failsWith([(_, response) => response.destroy()], /could not be reached/, 3)
      const broken: Answering = (_, response) => {
        response.writeHead(200).write("{", () => response.destroy())
      }
      yield* failsWith([broken], /broke off its answer/, 3)
    })
  )

  it.live("MC15 a redirect is not followed, so that no upstream leads elsewhere", () =>
    Effect.gen(function* () {
      const inside = yield* upstream(answerJson({ value: 1 }))
      for (const status of [301, 302, 303, 307, 308]) {
        yield* failsWith([answerText("", status, { location: `${inside.url}/secret` })], /redirect/)
      }
      assert.strictEqual(inside.asked.length, 0)
    }).pipe(Effect.scoped)
  )

  it.live("MC13 a huge answer is cut off, announced, chunked or compressed", () =>
    Effect.gen(function* () {
      const announced: Answering = (_, response) => {
        response.writeHead(200, { "content-length": "1000000000" }).write("{")
      }
      const endless: Answering = (_, response) => {
        response.writeHead(200)
        const more = () => {
          if (!response.destroyed && response.write("x".repeat(65_536))) setImmediate(more)
          else response.once("drain", more)
        }
        more()
      }
      const { gzipSync } = yield* Effect.promise(() => import("node:zlib"))
      const bomb = gzipSync("x".repeat(8 * 1024 * 1024))
      const compressed: Answering = (_, response) => {
        response.writeHead(200, { "content-encoding": "gzip" }).end(bomb)
      }
      yield* failsWith([announced], /too large/)
      yield* failsWith([endless], /too large/)
      yield* failsWith([compressed], /too large/)
    })
  )

  it.live("MC13 an upstream that is silent, or drips, is given up and hung up on", () =>
    Effect.gen(function* () {
      const silent: Answering = () => undefined
      const dripping: Answering = (_, response) => {
        response.writeHead(200)
        const timer = setInterval(() => response.write(" "), 10)
        response.on("close", () => clearInterval(timer))
      }
      for (const answer of [silent, dripping]) {
        const stub = yield* upstream(answer)
        const outbound = yield* Outbound
        const failure = yield* Effect.flip(
          outbound
            .json({ service: "Example", url: stub.url, answer: Schema.Struct({}) })
            .pipe(Effect.provideService(OutboundTimeout, Duration.millis(200)))
        )
        assert.match(failure.message, /^Example did not answer within 0.2 seconds/)
        yield* Effect.sync(stub.hangUps).pipe(
          Effect.repeat({ until: (count) => count === 1, schedule: Schedule.spaced("5 millis") }),
          Effect.timeout("2 seconds")
        )
      }
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(Outbound.layer, Recording)))
  )

  it.live("a key that cannot stand in a header is a failure that does not tell it", () =>
    Effect.gen(function* () {
      const stub = yield* upstream(answerJson({ value: 1 }))
      const outbound = yield* Outbound
      const failure = yield* Effect.flip(
        outbound.json({
          service: "Example",
          url: stub.url,
          key: { header: "x-key", value: Redacted.make("canary\nsecond line") },
          answer: Schema.Struct({})
        })
      )
      assert.notInclude(failure.message, "canary")
      assert.strictEqual(stub.asked.length, 0)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(Outbound.layer, Recording)))
  )
})
