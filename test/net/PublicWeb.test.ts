import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { PublicWeb } from "../../src/net/PublicWeb.ts"
import { isPublicAddress } from "../../src/net/specialUse.ts"
import { jsonPage, type Page, testWeb } from "../support/publicWeb.ts"

const get = (url: string, timeout: "300 millis" | "5 seconds" = "5 seconds") =>
  PublicWeb.use((web) => web.get({ url, accept: "application/json", maxBytes: 5 * 1024, timeout }))

const reasonFor = (url: string, timeout?: "300 millis") =>
  Effect.map(Effect.flip(get(url, timeout)), ({ reason }) => reason)

describe("the public web", () => {
  it.live("gets a page by a name that is looked up once, and sends nothing of ours", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({ "/a": jsonPage({ a: 1 }) })
      const answer = yield* get(web.url("/a")).pipe(Effect.provide(web.layer))
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(Buffer.from(answer.body).toString(), '{"a":1}')
      assert.deepEqual(web.lookups, ["client.example"])
      assert.match(web.asked[0]?.host ?? "", /^client\.example:/)
    }).pipe(Effect.scoped)
  )

  it.live("CM4 a name with a special address is refused, whether alone, first, last or mapped", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({ "/a": jsonPage({}) })
      for (const addresses of [
        ["127.0.0.1"],
        ["10.0.0.1", "8.8.8.8"],
        ["8.8.8.8", "192.168.1.1"],
        ["::ffff:127.0.0.1"],
        ["::1"],
        []
      ]) {
        const reason = yield* reasonFor(web.url("/a")).pipe(
          Effect.provide(web.layerOf(() => addresses, isPublicAddress))
        )
        assert.match(reason, /special use|no address/)
      }
      assert.strictEqual(web.asked.length, 0)
    }).pipe(Effect.scoped)
  )

  it.live("CM4 a literal address is judged without any look-up", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({})
      for (const host of ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "[::ffff:7f00:1]", "169.254.169.254"]) {
        const reason = yield* reasonFor(`https://${host}/x`).pipe(
          Effect.provide(web.layerOf(() => [], isPublicAddress))
        )
        assert.match(reason, /special use/, host)
      }
      assert.deepEqual(web.lookups, [])
    }).pipe(Effect.scoped)
  )

  it.live("CM5 the connection goes to the address that was vetted: there is no second look-up to change it", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({ "/a": jsonPage({ a: 1 }) })
      // Public at the first look, private at every later one; loopback counts as public here, as it is all we have.
      const rebinding = web.layerOf(
        (lookup) => [lookup === 1 ? "127.0.0.1" : "10.0.0.1"],
        (address) => address === "127.0.0.1"
      )
      assert.strictEqual((yield* get(web.url("/a")).pipe(Effect.provide(rebinding))).status, 200)
      assert.strictEqual(web.lookups.length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("CM6 a redirect is an answer, and is not followed", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({
        "/a": (response) => response.writeHead(302, { location: "/b" }).end(),
        "/b": jsonPage({})
      })
      assert.strictEqual((yield* get(web.url("/a")).pipe(Effect.provide(web.layer))).status, 302)
      assert.strictEqual(web.asked.length, 1)
    }).pipe(Effect.scoped)
  )

  it.live("CM6 too large by its header, too large in fact or when decompressed, too slow: refused and hung up on", () =>
    Effect.gen(function* () {
      let hungUp = 0
      const watched =
        (page: Page): Page =>
        (response) => {
          response.once("close", () => {
            hungUp++
          })
          page(response)
        }
      const web = yield* testWeb({
        "/announced": watched((response) => response.writeHead(200, { "content-length": "999999" }).write("{")),
        "/endless": watched((response) => {
          const timer = setInterval(() => response.write("x".repeat(1024)), 1)
          response.once("close", () => clearInterval(timer))
        }),
        "/bomb": watched((response) =>
          response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("x".repeat(1_000_000)))
        ),
        "/silent": watched(() => undefined),
        "/dripping": watched((response) => {
          const timer = setInterval(() => response.write(" "), 20)
          response.once("close", () => clearInterval(timer))
        })
      })
      const reasons = yield* Effect.all([
        reasonFor(web.url("/announced")),
        reasonFor(web.url("/endless")),
        reasonFor(web.url("/bomb")),
        reasonFor(web.url("/silent"), "300 millis"),
        reasonFor(web.url("/dripping"), "300 millis")
      ]).pipe(Effect.provide(web.layer))
      assert.match(reasons[0], /larger than/)
      assert.match(reasons[1], /larger than/)
      assert.match(reasons[2], /larger than/)
      assert.match(reasons[3], /within 300ms/)
      assert.match(reasons[4], /within 300ms/)
      yield* Effect.sync(() => hungUp).pipe(
        Effect.repeat({ until: (count) => count === 5, schedule: Schedule.spaced("5 millis") }),
        Effect.timeout("2 seconds")
      )
    }).pipe(Effect.scoped)
  )

  it.live("F20 a page that came compressed all the same is read, in any spelling, and identity too", () =>
    Effect.gen(function* () {
      const text = JSON.stringify({ page: "x".repeat(4000) })
      const web = yield* testWeb({})
      for (const [coding, body] of [
        ["gzip", gzipSync(text)],
        ["X-GZIP", gzipSync(text)],
        ["deflate", deflateSync(text)],
        ["Deflate", deflateRawSync(text)],
        ["br", brotliCompressSync(text)],
        ["Identity", Buffer.from(text)],
        ["", Buffer.from(text)]
      ] as const) {
        web.pages["/page"] = (response) => response.writeHead(200, { "content-encoding": coding }).end(body)
        const answer = yield* get(web.url("/page")).pipe(Effect.provide(web.layer))
        assert.strictEqual(Buffer.from(answer.body).toString(), text, coding)
      }
    }).pipe(Effect.scoped)
  )

  it.live("F20 what would decompress to too much, is broken, or is compressed more than once is refused", () =>
    Effect.gen(function* () {
      const bomb = "x".repeat(50_000_000)
      const web = yield* testWeb({})
      for (const [coding, body, reason] of [
        ["gzip", gzipSync(bomb), /larger than/],
        ["deflate", deflateSync(bomb), /larger than/],
        ["br", brotliCompressSync("x".repeat(6000)), /larger than/],
        ["gzip", gzipSync("{}").subarray(0, 15), /cannot be decompressed/],
        ["br", Buffer.from("no"), /cannot be decompressed/],
        ["gzip, br", gzipSync("{}"), /not read/],
        ["identity, gzip", gzipSync("{}"), /not read/],
        ["constructor", Buffer.from("{}"), /not read/]
      ] as const) {
        web.pages["/page"] = (response) => response.writeHead(200, { "content-encoding": coding }).end(body)
        assert.match(yield* reasonFor(web.url("/page")).pipe(Effect.provide(web.layer)), reason, coding)
      }
    }).pipe(Effect.scoped)
  )

  it.live("a certificate for another name, or from nobody, is refused", () =>
    Effect.gen(function* () {
      const web = yield* testWeb({ "/a": jsonPage({}) })
      assert.match(yield* reasonFor(web.url("/a", "elsewhere.example")).pipe(Effect.provide(web.layer)), /altnames/)
      const untrusting = PublicWeb.layerOf({
        resolve: (_, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }]),
        isPublic: () => true
      })
      assert.match(yield* reasonFor(web.url("/a")).pipe(Effect.provide(untrusting)), /self.signed/)
    }).pipe(Effect.scoped)
  )
})
