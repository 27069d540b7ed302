/** A server behind this one that people sign in at: another Gatehouse. */

import { assert } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestApp, testApp } from "./app.ts"
import { formOf } from "./client.ts"
import { browserOf, csrfOf, postPage, somebody, visitPage } from "./people.ts"
import { TestDatabase } from "./postgres.ts"
import { withWhoCalls } from "./toolset.ts"

/** Runs something with the services of the server behind. */
type There = <A, E>(
  effect: Effect.Effect<A, E, Layer.Success<ReturnType<typeof testApp<unknown, never>>>>
) => Effect.Effect<A, E>

/** Another Gatehouse, which lets in whom it knows alone, as the server behind this one. */
export const behind = Effect.gen(function* () {
  const context = yield* Layer.build(Layer.fresh(testApp(TestDatabase.quick, {}, undefined, withWhoCalls)))
  const { baseUrl } = Context.get(context, TestApp)
  const there: There = (effect) => Effect.provideContext(effect, context)
  return { baseUrl, there }
})

/** A person of both: signed in here, and allowing this server there. */
export const both = Effect.fnUntraced(function* (name: string, there: There) {
  const here = yield* somebody(name, name === "Ada" ? "owner" : "member")
  const other = yield* there(somebody(name, name === "Ada" ? "owner" : "member"))
  const { cookie } = yield* browserOf(here.id)
  const { cookie: cookieThere } = yield* there(browserOf(other.id))
  const csrf_token = csrfOf(yield* visitPage("/account", cookie))

  /** Where the page sends the browser, and where the browser is sent back to. */
  const signInThere = Effect.gen(function* () {
    const away = yield* postPage("/account/servers/connect", { cookie, csrf_token }, { server: "drive" })
    assert.strictEqual(away.status, 303, away.text)
    const location = new URL(away.headers.get("location") ?? "")
    const back = yield* there(
      Effect.gen(function* () {
        const page = yield* visitPage(location.pathname + location.search, cookieThere)
        const { transaction, csrf_token } = formOf(page)
        const form = { transaction, decision: "approve", "mcp.tools.call": "on" }
        const answer = yield* postPage("/authorize/decision", { cookie: cookieThere, csrf_token }, form)
        assert.strictEqual(answer.status, 303, answer.text)
        return new URL(answer.headers.get("location") ?? "")
      })
    )
    return { location, back }
  })
  return { here, other, cookie, csrf_token, signInThere }
})
