import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { testApp } from "../support/app.ts"
import { admitted } from "../support/client.ts"
import { connectApp } from "../support/connecting.ts"
import { browserOf, csrfOf, postPage, somebody, visitPage } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const withApp = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.provide(effect, Layer.fresh(testApp(TestDatabase.quick)))

describe("a person's data", () => {
  it.live("is downloaded and deleted by themselves, and apps and browsers are out with the next request", () =>
    Effect.gen(function* () {
      yield* somebody("Ada")
      const bob = yield* somebody("Bob", "member")
      const [{ cookie }, other] = [yield* browserOf(bob.id), yield* browserOf(bob.id)]
      const app = yield* connectApp(cookie)
      assert.isTrue(yield* admitted(app.access_token))
      assert.include((yield* visitPage("/account", cookie)).text, 'href="/account/data"')
      const page = yield* visitPage("/account/data", cookie)
      const sent = { cookie, csrf_token: csrfOf(page) }
      const file = yield* postPage("/account/data/export", sent)
      assert.include(file.headers.get("content-disposition") ?? "", "attachment")
      assert.strictEqual(file.headers.get("cache-control"), "no-store")
      assert.strictEqual(file.body.account.email, bob.email)
      assert.lengthOf(file.body.browsers, 2)
      for (const secret of [app.access_token, app.refresh_token, cookie.split("=")[1] ?? ""]) {
        assert.notInclude(file.text, secret)
      }

      // The id of somebody else in the form changes nothing: it is about whoever sent it.
      const gone = yield* postPage("/account/data/delete", sent, { id: "00000000-0000-4000-8000-000000000000" })
      assert.strictEqual(gone.status, 200)
      assert.include(gone.text, "Your account is deleted")
      assert.isFalse(yield* admitted(app.access_token))
      for (const browser of [cookie, other.cookie]) {
        assert.match((yield* visitPage("/account", browser)).headers.get("location") ?? "", /^\/login/)
      }
    }).pipe(withApp)
  )

  it.live("is downloaded and deleted by an owner, and the last owner cannot go", () =>
    Effect.gen(function* () {
      const ada = yield* somebody("Ada")
      const bob = yield* somebody("Bob", "member")
      const { cookie } = yield* browserOf(ada.id)
      assert.include((yield* visitPage("/admin", cookie)).text, `href="/admin/people/data?id=${bob.id}"`)
      const page = yield* visitPage(`/admin/people/data?id=${bob.id}`, cookie)
      assert.include(page.text, "Data of Bob")
      const sent = { cookie, csrf_token: csrfOf(page) }
      const file = yield* postPage("/admin/people/data/export", sent, { id: bob.id })
      assert.strictEqual(file.body.account.email, bob.email)
      assert.strictEqual((yield* postPage("/admin/people/data/delete", sent, { id: bob.id })).status, 303)
      assert.notInclude((yield* visitPage("/admin", cookie)).text, bob.email)
      assert.strictEqual((yield* postPage("/admin/people/data/delete", sent, { id: bob.id })).status, 404)
      for (const path of ["/admin/people/data/delete", "/account/data/delete"]) {
        const refused = yield* postPage(path, sent, { id: ada.id })
        assert.strictEqual(refused.status, 409)
        assert.include(refused.text, "The last owner")
      }
      const events = yield* visitPage("/admin/events", cookie)
      assert.include(events.text, "Deleted somebody")
      assert.notInclude(events.text, bob.email)
    }).pipe(withApp)
  )
})
