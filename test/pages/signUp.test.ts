import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { People } from "../../src/people/People.ts"
import { TestApp, testApp } from "../support/app.ts"
import { makeAuthenticator } from "../support/authenticator.ts"
import { type Answer, authorizeParameters, newPkce, postForm, request } from "../support/client.ts"
import { browserOf, cookieOf, csrfOf, postPage, somebody, visitPage } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const withApp =
  (variables: Readonly<Record<string, string>> = {}) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.provide(effect, Layer.fresh(testApp(TestDatabase.quick, { SIGN_UP: "open", ...variables })))

const PASSWORD = "correct horse battery"
const NOBODY = { id: undefined, address: undefined }
const BOB = { name: "Bob", email: "bob@people.example" }

const signUp = (over: Readonly<Record<string, string>> = {}, headers: Record<string, string> = {}) =>
  postForm("/signup/password", { ...BOB, password: PASSWORD, ...over }, headers)

/** Calls what the script of a page calls. */
const post = (path: string, body: unknown) =>
  request(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })

const namesOf = Effect.flatMap(People, ({ list }) => Effect.map(list, (all) => all.map(({ name }) => name)))

describe("SIGN_UP=open", () => {
  it.live(
    "whoever an app sends here makes an account, gets recovery codes, and goes on to where the app sent them",
    () =>
      Effect.gen(function* () {
        yield* somebody("Ada")
        const asked = yield* request(`/authorize?${new URLSearchParams(authorizeParameters(newPkce().challenge))}`)
        const toLogin = asked.headers.get("location") ?? ""
        const login = yield* request(toLogin)
        const [, link = ""] = /href="(\/signup\?[^"]*)"/.exec(login.text) ?? []
        assert.include(login.text, ">Create an account</a>")
        const hiddenOf = ({ text }: Answer) =>
          (/name="return_to" value="([^"]*)"/.exec(text)?.[1] ?? "").replaceAll("&amp;", "&")
        const first = yield* request(link.replaceAll("&amp;", "&"))
        const return_to = hiddenOf(first)
        assert.match(return_to, /^\/authorize\?/)
        const second = yield* postForm("/signup", { ...BOB, return_to })
        assert.include(second.text, "Hello, Bob")
        assert.strictEqual(hiddenOf(second), return_to)
        const done = yield* signUp({ return_to })
        assert.strictEqual(done.status, 303, done.text)
        const cookie = cookieOf(done)
        const codes = yield* visitPage(done.headers.get("location") ?? "", cookie)
        assert.strictEqual(hiddenOf(codes), return_to)
        const made = yield* postPage("/account/codes", { cookie, csrf_token: csrfOf(codes) }, { return_to })
        assert.lengthOf(made.text.match(/<li><code>[0-9A-Z-]{29}<\/code>/g) ?? [], 10)
        const [, on = ""] = /<a[^>]* href="([^"]*)"[^>]*>I have kept them/.exec(made.text) ?? []
        assert.strictEqual(on.replaceAll("&amp;", "&"), return_to)
        assert.include((yield* visitPage(return_to, cookie)).text, "Connect ")
      }).pipe(withApp())
  )

  it.live("makes a member for whose address nobody vouches, and the events say so", () =>
    Effect.gen(function* () {
      const ada = yield* somebody("Ada")
      assert.strictEqual((yield* signUp({ role: "owner", email_verified_by: "owner" })).status, 303)
      const people = yield* People
      const bob = (yield* people.list).find(({ name }) => name === "Bob")
      assert.deepInclude(bob, { ...BOB, role: "member", emailVerifiedBy: undefined, hasPassword: true })
      const [told] = yield* people.events({ event: "person_signed_up", limit: 9 })
      assert.deepInclude(told, { person_id: bob?.id ?? "", person_email: BOB.email })
      const admin = yield* visitPage("/admin", (yield* browserOf(ada.id)).cookie)
      assert.include(admin.text, "Sign-up is open")
      const again = yield* postForm("/login", { email: BOB.email, password: PASSWORD })
      assert.strictEqual(again.status, 303)
    }).pipe(withApp())
  )

  it.live("a passkey does as well as a password", () =>
    Effect.gen(function* () {
      yield* somebody("Ada")
      const { baseUrl } = yield* TestApp
      const fields = { ...BOB, return_to: "/account/apps" }
      const { challenge, user } = (yield* post("/signup/passkey/options", fields)).body
      const response = makeAuthenticator(user.id).make(challenge, { origin: baseUrl, rpId: "localhost" })
      // One that was asked for as somebody else.
      const other = { ...fields, email: "eve@people.example", response }
      assert.strictEqual((yield* post("/signup/passkey", other)).status, 403)
      const next = (yield* post("/signup/passkey/options", fields)).body
      const made = makeAuthenticator(next.user.id).make(next.challenge, { origin: baseUrl, rpId: "localhost" })
      const done = yield* post("/signup/passkey", { ...fields, response: made })
      assert.strictEqual(done.body.location, "/account/codes?return_to=%2Faccount%2Fapps")
      assert.strictEqual((yield* visitPage("/account", cookieOf(done))).status, 200)
      assert.sameMembers([...(yield* namesOf)], ["Ada", "Bob"])
    }).pipe(withApp())
  )

  it.live("ASVS 6.2.1 6.2.4 6.2.11 asks the same of a password as an invitation does", () =>
    Effect.gen(function* () {
      yield* somebody("Ada")
      for (const password of ["", "1234567", "password1", BOB.email, "Gatehouse1!"]) {
        assert.strictEqual((yield* signUp({ password })).status, 422, password)
      }
      assert.strictEqual((yield* signUp({ name: "", password: PASSWORD })).status, 422)
      assert.deepStrictEqual(yield* namesOf, ["Ada"])
    }).pipe(withApp())
  )

  it.live("an address that is somebody's, or was invited, makes nobody, and this is told", () =>
    Effect.gen(function* () {
      const people = yield* People
      yield* somebody("Ada")
      const code = yield* people.invite(BOB.email, "owner", NOBODY)
      for (const email of ["ADA@people.example", "Bob@People.example"]) {
        const refused = yield* signUp({ email })
        assert.strictEqual(refused.status, 422)
        assert.include(refused.text, "is here already, or is invited")
        assert.isEmpty(refused.headers.getSetCookie())
      }
      assert.deepStrictEqual(yield* namesOf, ["Ada"])
      for (const event of ["person_signed_up", "password_set", "signed_in"]) {
        assert.isEmpty(yield* people.events({ event, limit: 9 }))
      }
      const invited = yield* postForm("/invitation/password", {
        code: Redacted.value(code),
        name: "Bob",
        password: PASSWORD
      })
      assert.strictEqual(invited.status, 303)
    }).pipe(withApp())
  )

  it.live("of fifty who sign up with one address at once there is one person", () =>
    Effect.gen(function* () {
      yield* somebody("Ada")
      const answers = yield* Effect.all(
        Array.from({ length: 50 }, () => signUp()),
        { concurrency: "unbounded" }
      )
      const statuses = answers.map(({ status }) => status)
      assert.lengthOf(
        statuses.filter((status) => status === 303),
        1
      )
      // Told that it is taken, or that too many are hashed at this moment.
      for (const status of statuses) assert.include([303, 422, 503], status)
      assert.lengthOf(yield* namesOf, 2)
    }).pipe(withApp())
  )

  it.live("UI10 ASVS 6.3.1 a network makes few accounts an hour, whichever of its IPv6 addresses it sends from", () =>
    Effect.gen(function* () {
      yield* somebody("Ada")
      const from = (address: string, n: number) =>
        signUp({ email: `p${n}@people.example` }, { "x-forwarded-for": address })
      const statuses: Array<number> = []
      for (let n = 0; n < 6; n++) statuses.push((yield* from(`2001:db8::${n}`, n)).status)
      assert.deepStrictEqual(statuses, [303, 303, 303, 303, 303, 429])
      assert.lengthOf(yield* namesOf, 6)
      // Nor does it learn any more who is here.
      const asked = yield* signUp({ email: "ada@people.example" }, { "x-forwarded-for": "2001:db8::7" })
      assert.strictEqual(asked.status, 429)
      assert.strictEqual((yield* from("2001:db8:0:1::1", 7)).status, 303)
    }).pipe(withApp({ RATE_LIMIT_ENABLED: "true", TRUST_PROXY: "1" }))
  )

  it.live("leads to the set-up while nobody owns the server, and nobody comes in before", () =>
    Effect.gen(function* () {
      const answer = yield* request("/signup", { redirect: "manual" })
      assert.strictEqual(answer.status, 303)
      assert.strictEqual(answer.headers.get("location"), "/setup")
      assert.strictEqual((yield* signUp()).status, 404)
      assert.isEmpty(yield* namesOf)
    }).pipe(withApp())
  )

  it.live("there is no sign-up where it is not said", () =>
    Effect.gen(function* () {
      const ada = yield* somebody("Ada")
      assert.strictEqual((yield* request("/signup")).status, 404)
      for (const path of ["/signup", "/signup/password"]) {
        assert.strictEqual((yield* postForm(path, { ...BOB, password: PASSWORD })).status, 404)
      }
      for (const path of ["/signup/passkey/options", "/signup/passkey"]) {
        assert.strictEqual((yield* post(path, BOB)).status, 404)
      }
      assert.notInclude((yield* request("/login")).text, "/signup")
      assert.notInclude((yield* visitPage("/admin", (yield* browserOf(ada.id)).cookie)).text, "Sign-up is open")
      assert.deepStrictEqual(yield* namesOf, ["Ada"])
    }).pipe(withApp({ SIGN_UP: "invited" }))
  )
})
