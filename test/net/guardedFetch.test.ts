import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { AnswerTooLarge, makeGuardedFetch, NotEncrypted } from "../../src/net/guardedFetch.ts"
import { SpecialAddress } from "../../src/net/PublicWeb.ts"
import { isPublicAddress } from "../../src/net/specialUse.ts"
import { CERTIFICATE, jsonPage, type Page, testWeb } from "../support/publicWeb.ts"

/** A fetch for which every name leads to loopback, and loopback is public unless said otherwise. */
const guarded = Effect.fn("test.guarded")(function* (isPublic: (address: string) => boolean = () => true) {
  const lookups: Array<string> = []
  const fetch = yield* makeGuardedFetch({
    resolve: (host, callback) => {
      lookups.push(host)
      callback(null, [{ address: "127.0.0.1", family: 4 }])
    },
    isPublic,
    ca: CERTIFICATE
  })
  const get = (url: string, maxBytes = 5 * 1024) =>
    Effect.tryPromise({
      try: async (signal) => {
        const answer = await fetch(new URL(url), { signal }, { mayBePrivate: false, maxBytes })
        return { status: answer.status, headers: answer.headers, text: await answer.text() }
      },
      catch: (error) => error
    })
  return { get, lookups }
})

/** Events, one a chunk. */
const events =
  (...chunks: ReadonlyArray<string>): Page =>
  async (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" })
    for (const chunk of chunks) await new Promise((written) => response.write(chunk, written))
    response.end()
  }

describe("the guarded fetch", () => {
  it.live("goes where the name leads, keeps the connection, and answers with redirects", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({
        "/a": jsonPage({ a: 1 }),
        "/away": (response) => response.writeHead(302, { location: "https://other.example/" }).end()
      })
      const { get, lookups } = yield* guarded()
      assert.strictEqual((yield* get(web.url("/a"))).text, '{"a":1}')
      const { status, headers } = yield* get(web.url("/away"))
      assert.strictEqual(status, 302)
      assert.strictEqual(headers.get("location"), "https://other.example/")
      for (let time = 0; time < 10; time++) yield* get(web.url("/a"))
      assert.lengthOf(web.asked, 12)
      assert.isBelow(lookups.length, 12)
    }).pipe(Effect.scoped)
  )

  it.live("connects to no address for special use, whether it is named, written or mapped", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({ "/a": jsonPage({}) })
      const { get } = yield* guarded(isPublicAddress)
      const named = yield* Effect.flip(get(web.url("/a")))
      assert.instanceOf((named as Error).cause, SpecialAddress)
      for (const host of ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "169.254.169.254"]) {
        assert.instanceOf(yield* Effect.flip(get(web.url("/a", host))), SpecialAddress, host)
      }
      assert.instanceOf(yield* Effect.flip(get("http://client.example/")), NotEncrypted)
      assert.deepEqual(web.asked, [])
    }).pipe(Effect.scoped)
  )

  it.live("reads no more than it may, whatever the other side says of its length, and unpacked", () =>
    Effect.gen(function* () {
      const large = "x".repeat(6 * 1024)
      const web = yield* testWeb({
        "/said": jsonPage(large, { "content-length": String(large.length + 2) }),
        "/unsaid": (response) => {
          response.writeHead(200, { "content-type": "application/json" })
          response.write(large)
          response.end()
        },
        "/packed": (response) => {
          const body = gzipSync(large)
          response.writeHead(200, { "content-encoding": "gzip", "content-length": body.length }).end(body)
        }
      })
      const { get } = yield* guarded()
      for (const path of ["/said", "/unsaid", "/packed"]) {
        const error = yield* Effect.flip(get(web.url(path)))
        assert.instanceOf(error, AnswerTooLarge, path)
        assert.lengthOf((yield* get(web.url(path), 10 * 1024)).text.replaceAll('"', ""), large.length, path)
      }
    }).pipe(Effect.scoped)
  )

  it.live("reads a stream of events for as long as each of them is small", () =>
    Effect.gen(function* () {
      const event = `data: ${"x".repeat(1000)}\n\n`
      const web = yield* testWeb({
        "/small": events(...Array.from({ length: 20 }, () => event)),
        "/large": events(event, ...Array.from({ length: 20 }, () => `data: ${"x".repeat(1000)}\n`))
      })
      const { get } = yield* guarded()
      assert.lengthOf((yield* get(web.url("/small"))).text, 20 * event.length)
      assert.instanceOf(yield* Effect.flip(get(web.url("/large"))), AnswerTooLarge)
    }).pipe(Effect.scoped)
  )
})
