import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { allowedFetch } from "../../src/net/allowedFetch.ts"
import { type Answering, answerText, upstream } from "../support/upstream.ts"

const { signal: never } = new AbortController()
const hostOf = (url: string) => new URL(url).host

const redirect =
  (location: string, status = 302): Answering =>
  (_, response) =>
    response.writeHead(status, { location }).end("moved")

const fetched = (hosts: ReadonlyArray<string>, url: string, init?: RequestInit) =>
  Effect.promise(() => allowedFetch(hosts, () => never)(url, init))
const refused = (hosts: ReadonlyArray<string>, url: string, init?: RequestInit) =>
  Effect.promise(() =>
    allowedFetch(hosts, () => never)(url, init).then(
      () => "fetched",
      (error: Error) => `${error.name}: ${error.message}`
    )
  )
const textOf = (response: Response) => Effect.promise(() => response.text())

describe("the fetch of a tool", () => {
  it.live("TL40 goes to the hosts of the declaration, and says of others which one it was", () =>
    Effect.gen(function* () {
      const stub = yield* upstream(answerText("here"))
      const host = hostOf(stub.url)
      assert.strictEqual(yield* textOf(yield* fetched([host], `${stub.url}/a?b=c`)), "here")
      assert.strictEqual(yield* textOf(yield* fetched(["127.0.0.1"], stub.url)), "here")
      const sent = { method: "PUT", body: "a body", headers: { authorization: "Bearer mine" } }
      yield* fetched([host], stub.url, sent)
      const [, , put] = stub.asked
      assert.deepEqual([put?.method, put?.body, put?.headers.authorization], ["PUT", "a body", "Bearer mine"])
      for (const hosts of [[], ["example.com"], ["127.0.0.1:1"], ["localhost"]]) {
        assert.include(yield* refused(hosts, stub.url), `fetch to http://${host} is not allowed`)
      }
      assert.strictEqual(stub.asked.length, 3)
    }).pipe(Effect.scoped)
  )

  it.live("TL40 goes over https, and over http to this machine alone", () =>
    Effect.gen(function* () {
      const hosts = ["example.com", "*.example.org"]
      for (const url of ["http://example.com", "ftp://example.com", "data:text/plain,a", "file:///etc/passwd"]) {
        assert.match(yield* refused(hosts, url), /is not allowed/, url)
      }
      for (const url of [
        "https://example.org",
        "https://evil-example.org",
        "https://a.example.org.evil.com",
        "https://b.example.com",
        "https://example.com@evil.com"
      ]) {
        assert.match(yield* refused(hosts, url), /not allowed|credentials/, url)
      }
    })
  )

  it.live("TL41 follows redirects among them, and to no other host", () =>
    Effect.gen(function* () {
      const other = yield* upstream(answerText("there"))
      const stub = yield* upstream(redirect(other.url), redirect("/next"), answerText("here"))
      assert.match(yield* refused([hostOf(stub.url)], stub.url), /not allowed/)
      assert.strictEqual(other.asked.length, 0)
      assert.strictEqual(yield* textOf(yield* fetched([hostOf(stub.url)], stub.url)), "here")
      assert.strictEqual(stub.asked.at(-1)?.url.pathname, "/next")
      const round = yield* upstream(redirect("/again"))
      assert.match(yield* refused([hostOf(round.url)], round.url), /redirected too often/)
      assert.strictEqual(round.asked.length, 6)
    }).pipe(Effect.scoped)
  )

  it.live("TL41 credentials stay with the origin that they were for", () =>
    Effect.gen(function* () {
      const other = yield* upstream(answerText("there"))
      const stub = yield* upstream(redirect("/same"), redirect(other.url))
      const headers = { authorization: "Bearer mine", cookie: "a=b", "proxy-authorization": "c", "x-more": "d" }
      yield* fetched([hostOf(stub.url), hostOf(other.url)], stub.url, { headers })
      const [, same] = stub.asked
      assert.deepEqual([same?.headers.authorization, same?.headers.cookie], ["Bearer mine", "a=b"])
      const [there] = other.asked
      assert.strictEqual(there?.headers["x-more"], "d")
      for (const name of ["authorization", "cookie", "proxy-authorization"]) assert.isUndefined(there?.headers[name])
    }).pipe(Effect.scoped)
  )

  it.live("TL41 what was posted is asked for after 302 and 303, and posted again after 307 and 308", () =>
    Effect.gen(function* () {
      const ends: Record<number, readonly [string, string, boolean]> = {
        301: ["GET", "", false],
        302: ["GET", "", false],
        303: ["GET", "", false],
        307: ["POST", "a body", true],
        308: ["POST", "a body", true]
      }
      for (const [status, end] of Object.entries(ends)) {
        const stub = yield* upstream(redirect("/next", Number(status)), answerText("here"))
        const init = { method: "POST", body: "a body", headers: { "content-type": "text/x-mine" } }
        yield* fetched([hostOf(stub.url)], stub.url, init)
        const [, next] = stub.asked
        const isTyped = next?.headers["content-type"] === "text/x-mine"
        assert.deepEqual([next?.method, next?.body, isTyped], [...end], status)
      }
    }).pipe(Effect.scoped)
  )

  it.live("TL41 a tool that wants to see the redirect, or none, gets its way", () =>
    Effect.gen(function* () {
      const stub = yield* upstream(redirect("https://example.com/"))
      const hosts = [hostOf(stub.url)]
      const seen = yield* fetched(hosts, stub.url, { redirect: "manual" })
      assert.deepEqual([seen.status, seen.headers.get("location")], [302, "https://example.com/"])
      assert.match(yield* refused(hosts, stub.url, { redirect: "error" }), /was redirected/)
    }).pipe(Effect.scoped)
  )

  it.live("TL42 is given up with the run", () =>
    Effect.gen(function* () {
      const came = Promise.withResolvers<void>()
      const stub = yield* upstream(() => came.resolve())
      const run = new AbortController()
      const waiting = allowedFetch(
        [hostOf(stub.url)],
        () => run.signal
      )(stub.url).then(
        () => "answered",
        (error: Error) => error.name
      )
      yield* Effect.promise(() => came.promise)
      run.abort()
      assert.strictEqual(yield* Effect.promise(() => waiting), "AbortError")
    }).pipe(Effect.scoped)
  )
})
