import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { Gallery, gallery } from "../support/gallery.ts"

const options = { excludeTestServices: true, timeout: "60 seconds" } as const

const get = Effect.fn("get")(function* (path: string, init: RequestInit = {}) {
  const { baseUrl } = yield* Gallery
  const response = yield* Effect.promise(() => fetch(`${baseUrl}${path}`, init))
  const policy = (response.headers.get("content-security-policy") ?? "").split("; ")
  return { response, policy, text: yield* Effect.promise(() => response.text()) }
})

const STRICT = ["default-src 'none'", "style-src 'self'", "img-src 'self'"]
const UNFRAMED = ["frame-ancestors 'none'", "base-uri 'none'"]
const SCRIPT = ["script-src 'self'", "require-trusted-types-for 'script'"]

describe("page", () => {
  layer(
    gallery,
    options
  )((it) => {
    it.effect("UI6 a page allows what it needs and nothing else: no script, a script, one that asks the server", () =>
      Effect.gen(function* () {
        for (const [path, allowed, scripts] of [
          ["consent", [], 0],
          ["problem", [], 0],
          ["admin", SCRIPT, 1],
          ["sign-in", [...SCRIPT, "connect-src 'self'"], 2]
        ] as const) {
          const { policy, text, response } = yield* get(`/gallery/${path}`)
          assert.deepStrictEqual(policy, [...STRICT, ...allowed, ...UNFRAMED], path)
          assert.lengthOf(text.match(/<script/g) ?? [], scripts, path)
          // Nothing inline, which the policy would not let run, and nothing from elsewhere.
          assert.notMatch(text, /<script>|<style|\sstyle=|\son\w+=|(?:src|href)="(?:https?:)?\/\//, path)
          assert.strictEqual(response.headers.get("x-frame-options"), "DENY")
          assert.strictEqual(response.headers.get("referrer-policy"), "no-referrer")
          assert.strictEqual(response.headers.get("x-content-type-options"), "nosniff")
          assert.strictEqual(response.headers.get("cache-control"), "no-store")
        }
      })
    )

    it.effect("a problem says what to do next, and the id by which the log knows the request", () =>
      Effect.gen(function* () {
        const { response, text } = yield* get("/gallery/problem")
        assert.strictEqual(response.status, 410)
        assert.include(text, `<code>${response.headers.get("x-request-id")}</code>`)
        assert.include(text, '<a class="button primary" href="/login">Sign in</a>')
        assert.notInclude((yield* get("/gallery/consent")).text, "Request <code>")
      })
    )

    it.effect("UI9 landmarks, a skip link, one heading, a title that says where one is, the host at the foot", () =>
      Effect.gen(function* () {
        const { text } = yield* get("/gallery/sign-in")
        for (const said of [
          '<html lang="en">',
          "<title>Sign in · Gatehouse</title>",
          '<a class="skip" href="#main">',
          '<main id="main"',
          `<b>${new URL((yield* Gallery).baseUrl).host}</b>`
        ]) {
          assert.include(text, said)
        }
        assert.lengthOf(text.match(/<h1/g) ?? [], 1)
        assert.notInclude(text, "<nav")
      })
    )

    it.effect(
      "UI2 who is signed in sees the way round, owners the way to Admin, and signs out by a POST with the token",
      () =>
        Effect.gen(function* () {
          const { text: member } = yield* get("/gallery/account")
          const { text: owner } = yield* get("/gallery/empty")
          assert.include(member, '<a href="/account" aria-current="page">Account</a>')
          assert.notInclude(member, 'href="/admin"')
          assert.include(owner, '<a href="/admin">Admin</a>')
          assert.match(
            owner,
            /method="post" action="\/logout">\n<input type="hidden" name="csrf_token" value="canary">/
          )
        })
    )

    it.effect("an asset is kept for ever at the address with its hash, and asked for again at another", () =>
      Effect.gen(function* () {
        const { text } = yield* get("/gallery/sign-in")
        const urls = text.match(/\/assets\/[^"]+/g) ?? []
        assert.lengthOf(urls, 4)
        for (const url of urls) {
          const { response } = yield* get(url)
          assert.strictEqual(response.status, 200, url)
          assert.strictEqual(response.headers.get("cache-control"), "public, max-age=31536000, immutable")
          assert.match(response.headers.get("content-type") ?? "", /^(text\/css|text\/javascript|image\/svg\+xml)/)
          const etag = response.headers.get("etag") ?? ""
          assert.strictEqual((yield* get(url, { headers: { "if-none-match": etag } })).response.status, 304)
          const other = yield* get(url.replace(/v=.*/, "v=of-another-version"))
          assert.strictEqual(other.response.status, 200)
          assert.strictEqual(other.response.headers.get("cache-control"), "no-cache")
        }
      })
    )
  })
})
