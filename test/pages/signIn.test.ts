import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { People } from "../../src/people/People.ts"
import { TestApp, testApp } from "../support/app.ts"
import { type Answer, obtainTokens, postForm, request, rpc } from "../support/client.ts"
import { browserOf, cookieOf, csrfOf, postPage, somebody, visitPage } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const withApp =
  (variables: Readonly<Record<string, string>> = {}) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.provide(effect, Layer.fresh(testApp(TestDatabase.quick, variables)))

const PASSWORD = "correct horse battery"
const NOBODY = { id: undefined, address: undefined }

const setupCode = Effect.gen(function* () {
  const code = yield* (yield* People).setupLink
  return code === undefined ? "" : Redacted.value(code)
})

const setUp = (code: string, over: Readonly<Record<string, string>> = {}) =>
  postForm("/setup/password", { code, name: "Ada", email: "ada@people.example", password: PASSWORD, ...over })

const logIn = (password: string, over: Readonly<Record<string, string>> = {}, headers: Record<string, string> = {}) =>
  postForm("/login", { email: "ada@people.example", password, return_to: "/account", ...over }, headers)

const isSignedIn = (answer: Answer) =>
  Effect.map(visitPage("/account", cookieOf(answer)), (page) => page.status === 200)

describe("the first owner", () => {
  it.live("follows the link, chooses a password, is signed in and gets ten codes; the link is used up then", () =>
    Effect.gen(function* () {
      const code = yield* setupCode
      const introduced = yield* postForm("/setup", { code, name: "Ada", email: "ada@people.example" })
      assert.include(introduced.text, "Hello, Ada")
      const done = yield* setUp(code)
      assert.strictEqual(done.status, 303)
      assert.strictEqual(done.headers.get("location"), "/account/codes")
      const cookie = cookieOf(done)
      const page = yield* visitPage("/account/codes", cookie)
      const codes = yield* postPage("/account/codes", { cookie, csrf_token: csrfOf(page) })
      assert.lengthOf(codes.text.match(/<li><code>[0-9A-Z-]{29}<\/code>/g) ?? [], 10)
      assert.strictEqual((yield* setUp(code, { email: "eve@people.example" })).status, 410)
      assert.strictEqual((yield* setUp(yield* setupCode)).status, 410)
      assert.lengthOf(yield* (yield* People).list, 1)
    }).pipe(withApp())
  )

  it.live("of fifty who have the link at once one becomes the owner", () =>
    Effect.gen(function* () {
      const people = yield* People
      const code = Redacted.make(yield* setupCode)
      const one = (n: number) =>
        people
          .enrol(
            "setup",
            code,
            { name: `P${n}`, email: `p${n}@people.example`, webauthnId: new Uint8Array(32).fill(n) },
            () => Effect.void,
            "192.0.2.1"
          )
          .pipe(
            Effect.as("owner"),
            Effect.catchTag("LinkSpent", () => Effect.succeed("late"))
          )
      const all = yield* Effect.all(
        Array.from({ length: 50 }, (_, n) => one(n)),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(
        all.filter((result) => result === "owner"),
        1
      )
      assert.lengthOf(yield* people.list, 1)
    }).pipe(withApp())
  )

  it.live("a link that was made while somebody else became the owner makes no second one", () =>
    Effect.gen(function* () {
      const code = yield* setupCode
      const { sql } = yield* TestApp
      yield* sql`
        insert into mcp.people (email, name, role, webauthn_id)
        values ('first@people.example', 'First', 'owner', decode(repeat('00', 32), 'hex'))`.pipe(Effect.orDie)
      assert.strictEqual((yield* setUp(code)).status, 410)
      assert.lengthOf(yield* (yield* People).list, 1)
    }).pipe(withApp())
  )

  it.live("a newer link takes the place of the older one, and one that has expired opens nothing", () =>
    Effect.gen(function* () {
      const [older, newer] = [yield* setupCode, yield* setupCode]
      assert.strictEqual((yield* setUp(older)).status, 410)
      const { sql } = yield* TestApp
      yield* sql`update mcp.links set expires_at = clock_timestamp()`.pipe(Effect.orDie)
      assert.strictEqual((yield* setUp(newer)).status, 410)
      assert.isEmpty(yield* (yield* People).list)
    }).pipe(withApp())
  )

  it.live(
    "ASVS 6.2.1 6.2.4 6.2.11 a password that is short, common or obvious is refused, and the link is still good",
    () =>
      Effect.gen(function* () {
        const code = yield* setupCode
        for (const password of ["", "1234567", "password1", "ada@people.example", "Gatehouse1!", "a".repeat(257)]) {
          assert.strictEqual((yield* setUp(code, { password })).status, 422, password)
        }
        // Taken as typed, blanks and all (ASVS 6.2.8), and of any kind (6.2.5).
        assert.strictEqual((yield* setUp(code, { password: " ünïcödé 🔑 " })).status, 303)
        assert.strictEqual((yield* logIn("ünïcödé 🔑")).status, 401)
        assert.strictEqual((yield* logIn(" ünïcödé 🔑 ")).status, 303)
      }).pipe(withApp())
  )
})

describe("signing in with a password", () => {
  it.live("UI7 UI8 ASVS 7.2.4 leads back where one was going, under a new token; the name is taken in any case", () =>
    Effect.gen(function* () {
      const first = yield* setUp(yield* setupCode)
      const again = yield* logIn(
        PASSWORD,
        { email: "ADA@people.example", return_to: "/authorize?x=1" },
        { cookie: cookieOf(first) }
      )
      assert.strictEqual(again.status, 303)
      assert.strictEqual(again.headers.get("location"), "/authorize?x=1")
      assert.notStrictEqual(cookieOf(again), cookieOf(first))
      assert.isTrue(yield* isSignedIn(again))
      // The token from before is worth nothing any more.
      assert.isFalse(yield* isSignedIn(first))
      for (const cookie of again.headers.getSetCookie()) assert.match(cookie, /HttpOnly; SameSite=Lax$/i)
    }).pipe(withApp())
  )

  it.live("AZ13 nobody is led elsewhere by a link to here", () =>
    Effect.gen(function* () {
      yield* setUp(yield* setupCode)
      for (const return_to of [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        // Resolved, these are `//evil.example`.
        "/a/..//evil.example",
        "/.//evil.example",
        "/%2e//evil.example",
        "/./\\evil.example",
        "//other.example//evil.example",
        "javascript:alert(1)",
        "/logout"
      ]) {
        assert.strictEqual((yield* logIn(PASSWORD, { return_to })).headers.get("location"), "/", return_to)
      }
    }).pipe(withApp())
  )

  it.live(
    "UI10 ASVS 6.3.8 a wrong password, a name that nobody has and a person who is disabled are told the same",
    () =>
      Effect.gen(function* () {
        yield* setUp(yield* setupCode)
        const bob = yield* somebody("Bob", "member")
        const people = yield* People
        yield* people.disable(bob.id, NOBODY)
        const plain = (answer: Answer) => answer.text.replace(/value="[^"]*@[^"]*"|<code>[^<]*<\/code>/g, "")
        const answers = [
          yield* logIn("wrong password"),
          yield* logIn("wrong password", { email: "nobody@people.example" }),
          yield* logIn("wrong password", { email: "bob@people.example" })
        ]
        for (const answer of answers) {
          assert.strictEqual(answer.status, 401)
          assert.strictEqual(plain(answer), plain(answers[0] as Answer))
          assert.isEmpty(answer.headers.getSetCookie())
        }
      }).pipe(withApp())
  )

  it.live("UI4 a form of another site signs nobody in", () =>
    Effect.gen(function* () {
      yield* setUp(yield* setupCode)
      assert.strictEqual((yield* logIn(PASSWORD, {}, { "sec-fetch-site": "cross-site" })).status, 403)
      assert.strictEqual((yield* logIn(PASSWORD, {}, { origin: "https://evil.example" })).status, 403)
    }).pipe(withApp())
  )

  it.live(
    "UI10 an address has so many tries for a name; a browser that signed in before is not locked out by them",
    () =>
      Effect.gen(function* () {
        const known = yield* setUp(yield* setupCode)
        const mark =
          known.headers
            .getSetCookie()
            .find((cookie) => cookie.startsWith("gatehouse-known="))
            ?.split(";")[0] ?? ""
        const statuses: Array<number> = []
        for (let n = 0; n < 6; n++) statuses.push((yield* logIn("wrong password")).status)
        assert.deepStrictEqual(statuses, [401, 401, 401, 401, 401, 429])
        assert.match((yield* logIn(PASSWORD)).headers.get("retry-after") ?? "", /^\d+$/)
        assert.strictEqual((yield* logIn(PASSWORD, {}, { cookie: mark })).status, 303)
        // A mark of somebody else is none.
        assert.strictEqual((yield* logIn(PASSWORD, {}, { cookie: `${mark}x` })).status, 429)
      }).pipe(withApp({ RATE_LIMIT_ENABLED: "true" }))
  )
})

describe("invitation, reset and recovery", () => {
  it.live("an invitation is good once, for its address and its role", () =>
    Effect.gen(function* () {
      yield* setUp(yield* setupCode)
      const people = yield* People
      const code = Redacted.value(yield* people.invite("bob@people.example", "member", NOBODY))
      const join = (name: string) =>
        postForm("/invitation/password", { code, name, email: "eve@people.example", password: PASSWORD })
      assert.strictEqual((yield* join("Bob")).status, 303)
      assert.strictEqual((yield* join("Eve")).status, 410)
      const bob = (yield* people.list).find((person) => person.name === "Bob")
      assert.deepInclude(bob, { email: "bob@people.example", role: "member" })
    }).pipe(withApp())
  )

  it.live(
    "UI11 RF12 ASVS 6.4.6 7.4.3 a reset link lets a person choose a new password, and ends what the old one began",
    () =>
      Effect.gen(function* () {
        const owner = yield* setUp(yield* setupCode)
        const people = yield* People
        const [ada] = yield* people.list
        const code = Redacted.value((yield* people.resetLink(ada?.id ?? "", NOBODY, "owner")) ?? Redacted.make(""))
        const choose = (password: string) =>
          postForm("/reset/password", { code, email: "ada@people.example", password })
        assert.strictEqual((yield* choose("short")).status, 422)
        assert.strictEqual((yield* choose("another good password")).status, 303)
        assert.strictEqual((yield* choose("and one more password")).status, 410)
        assert.isFalse(yield* isSignedIn(owner))
        assert.strictEqual((yield* logIn(PASSWORD)).status, 401)
        assert.strictEqual((yield* logIn("another good password")).status, 303)
      }).pipe(withApp())
  )

  it.live("ASVS 6.4.1 6.5.1 a recovery code opens the choice of a new way in, once, and nothing else", () =>
    Effect.gen(function* () {
      const cookie = cookieOf(yield* setUp(yield* setupCode))
      const csrf_token = csrfOf(yield* visitPage("/account/codes", cookie))
      const shown = yield* postPage("/account/codes", { cookie, csrf_token })
      const [code = ""] = /[0-9A-Z]{5}(-[0-9A-Z]{5}){4}/.exec(shown.text) ?? []
      const recover = (email: string) => postForm("/recover", { email, code: code.toLowerCase().replaceAll("-", " ") })
      assert.strictEqual((yield* recover("nobody@people.example")).status, 401)
      const opened = yield* recover("ada@people.example")
      assert.strictEqual(opened.status, 200)
      assert.isEmpty(opened.headers.getSetCookie())
      const link = /name="code" value="([^"]+)"/.exec(opened.text)?.[1] ?? ""
      assert.strictEqual((yield* recover("ada@people.example")).status, 401)
      const renewed = yield* postForm("/reset/password", { code: link, email: "x", password: "a brand new password" })
      assert.strictEqual(renewed.status, 303)
      // It is told.
      const account = yield* visitPage("/account", cookieOf(renewed))
      for (const words of ["Used a recovery code", "Chose a new way to sign in"]) assert.include(account.text, words)
    }).pipe(withApp())
  )
})

describe("an account", () => {
  it.live("UI2 no form passes without its token, or with that of another browser", () =>
    Effect.gen(function* () {
      const ada = yield* somebody("Ada")
      const [one, other] = [yield* browserOf(ada.id), yield* browserOf(ada.id)]
      const csrf_token = csrfOf(yield* visitPage("/account", other.cookie))
      for (const token of ["", csrf_token]) {
        assert.strictEqual(
          (yield* postPage("/account/name", { cookie: one.cookie, csrf_token: token }, { name: "Eve" })).status,
          403
        )
      }
      assert.strictEqual((yield* (yield* People).find(ada.id))?.name, "Ada")
    }).pipe(withApp())
  )

  it.live("ASVS 7.4.1 whoever has signed out is nobody with the cookie of before, and other browsers stay", () =>
    Effect.gen(function* () {
      const ada = yield* somebody("Ada")
      const [one, other] = [yield* browserOf(ada.id), yield* browserOf(ada.id)]
      const csrf_token = csrfOf(yield* visitPage("/account", one.cookie))
      const left = yield* postPage("/logout", { cookie: one.cookie, csrf_token })
      assert.isBelow(left.status, 400)
      assert.match(left.headers.getSetCookie().join(), /gatehouse=;.*(Max-Age=0|Expires=Thu, 01 Jan 1970)/i)
      for (const answer of [
        yield* visitPage("/account", one.cookie),
        yield* postPage("/account/name", { cookie: one.cookie, csrf_token }, { name: "Eve" })
      ]) {
        assert.strictEqual(answer.status, 303)
        assert.match(answer.headers.get("location") ?? "", /^\/login\?/)
      }
      assert.strictEqual((yield* (yield* People).find(ada.id))?.name, "Ada")
      assert.strictEqual((yield* visitPage("/account", other.cookie)).status, 200)
    }).pipe(withApp())
  )

  it.live("ASVS 7.1.2 7.4.3 7.5.2 lists its browsers, however many, ends one, ends all others, and everything", () =>
    Effect.gen(function* () {
      const { access_token } = yield* obtainTokens()
      assert.strictEqual((yield* rpc(access_token, "ping")).status, 200)
      const ada = yield* somebody("Ada")
      const [one, two, three] = [yield* browserOf(ada.id), yield* browserOf(ada.id), yield* browserOf(ada.id)]
      const page = yield* visitPage("/account", one.cookie)
      assert.include(page.text, "Firefox on Linux")
      const post = (path: string, fields: Readonly<Record<string, string>>) =>
        postPage(path, { cookie: one.cookie, csrf_token: csrfOf(page) }, fields)
      const isIn = (browser: { readonly cookie: string }) =>
        Effect.map(visitPage("/account", browser.cookie), ({ status }) => status === 200)
      assert.strictEqual((yield* post("/account/browsers", { id: two.sessionId })).status, 303)
      assert.deepStrictEqual([yield* isIn(one), yield* isIn(two), yield* isIn(three)], [true, false, true])
      yield* post("/account/browsers", {})
      assert.deepStrictEqual([yield* isIn(one), yield* isIn(three)], [true, false])
      const bob = yield* somebody("Bob", "member")
      const his = yield* browserOf(bob.id)
      // Somebody else's cannot be ended.
      assert.strictEqual((yield* post("/account/browsers", { id: his.sessionId })).status, 404)
      assert.isTrue(yield* isIn(his))
    }).pipe(withApp())
  )

  it.live(
    "ASVS 6.2.2 6.2.3 UI11 a password is changed by whoever shows the one of now, and ends all other browsers",
    () =>
      Effect.gen(function* () {
        const cookie = cookieOf(yield* setUp(yield* setupCode))
        const other = yield* logIn(PASSWORD)
        const csrf_token = csrfOf(yield* visitPage("/account/password", cookie))
        const change = (current: string, password: string) =>
          postPage("/account/password", { cookie, csrf_token }, { current, password })
        assert.strictEqual((yield* change("wrong password", "another good password")).status, 422)
        assert.strictEqual((yield* change(PASSWORD, "password1")).status, 422)
        assert.isTrue(yield* isSignedIn(other))
        assert.strictEqual((yield* change(PASSWORD, "another good password")).status, 303)
        assert.isFalse(yield* isSignedIn(other))
        assert.strictEqual((yield* visitPage("/account", cookie)).status, 200)
        assert.strictEqual((yield* logIn(PASSWORD)).status, 401)
        assert.strictEqual((yield* logIn("another good password")).status, 303)
      }).pipe(withApp())
  )

  it.live("ASVS 7.3.1 7.3.2 a browser is signed out when it was idle for long, and in any case in the end", () =>
    Effect.gen(function* () {
      const ada = yield* somebody("Ada")
      const { sql } = yield* TestApp
      const [idle, old] = [yield* browserOf(ada.id), yield* browserOf(ada.id)]
      yield* sql`update mcp.browser_sessions set last_used_at = last_used_at - interval '9 hours' where id = ${idle.sessionId}`.pipe(
        Effect.orDie
      )
      yield* sql`update mcp.browser_sessions set expires_at = clock_timestamp() where id = ${old.sessionId}`.pipe(
        Effect.orDie
      )
      for (const { cookie } of [idle, old]) assert.strictEqual((yield* visitPage("/account", cookie)).status, 303)
      assert.strictEqual((yield* request("/account")).headers.get("location"), "/login?return_to=%2Faccount")
    }).pipe(withApp())
  )
})
