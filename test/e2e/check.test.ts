import { mkdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import type { AxeResults } from "axe-core"
import { Effect, Layer } from "effect"
import type { BrowserContextOptions, Page } from "playwright-core"
import { TestApp, testApp } from "../support/app.ts"
import { browser, executablePath } from "../support/browser.ts"
import { browserOf, csrfOf, postPage, somebody, visitPage } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

const SLOW = { timeout: 120_000 }
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")
const SCREENSHOTS = join(import.meta.dirname, "../.screenshots")
mkdirSync(SCREENSHOTS, { recursive: true })

const withApp = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(Effect.scoped, Effect.provide(Layer.fresh(testApp(TestDatabase.quick))))

/** Somebody's browser, signed in. */
const adasBrowser = Effect.fn("adasBrowser")(function* (look: BrowserContextOptions = {}) {
  const { baseUrl } = yield* TestApp
  const { cookie } = yield* browserOf((yield* somebody("Ada")).id)
  const chromium = yield* browser
  const context = yield* Effect.promise(() => chromium.newContext(look))
  const [name = "", value = ""] = cookie.split("=")
  yield* Effect.promise(() => context.addCookies([{ name, value, url: baseUrl, httpOnly: true, sameSite: "Lax" }]))
  const page = yield* Effect.promise(() => context.newPage())
  const complaints: Array<string> = []
  page.on("console", (message) => complaints.push(message.text()))
  page.on("pageerror", (error) => complaints.push(String(error)))
  return { page, cookie, url: `${baseUrl}/check`, complaints }
})

/** Presses the button, and another one on the consent page. */
const test = (page: Page, answer: "Allow" | "Deny") =>
  Effect.promise(async () => {
    await page.getByRole("button", { name: "Test now" }).click()
    await page.getByRole("button", { name: answer }).click()
  })

const stateOf = (page: Page, step: string) =>
  Effect.promise(() => page.locator(`[data-step="${step}"] [data-state]:not([hidden])`).textContent())
const adviceOf = (page: Page) => Effect.promise(() => page.locator("[data-advice]:not([hidden])").allTextContents())

const activeSessions = Effect.gen(function* () {
  const { sql } = yield* TestApp
  const found = yield* sql`select from mcp.mcp_sessions where client_id = 'gatehouse-check' and status = 'active'`
  return found.length
}).pipe(Effect.orDie)

describe.skipIf(executablePath === undefined)("the test of the connection in a real browser", () => {
  for (const [width, colorScheme] of [
    [360, "dark"],
    [1280, "light"]
  ] as const) {
    it.live(
      `F5 UI9 goes the whole way, keeps nothing, and is accessible (${width} px, ${colorScheme})`,
      () =>
        Effect.gen(function* () {
          const { page, url, complaints } = yield* adasBrowser({ viewport: { width, height: 800 }, colorScheme })
          yield* Effect.promise(() => page.goto(url))
          yield* test(page, "Allow")
          assert.strictEqual(yield* stateOf(page, "revoke"), "passed")
          yield* Effect.promise(() => page.getByText("Everything works").waitFor())
          assert.include(yield* Effect.promise(() => page.locator('[data-step="call"]').textContent()), "0.3")
          assert.deepStrictEqual(yield* adviceOf(page), [])
          assert.strictEqual(page.url(), url)
          assert.strictEqual(yield* activeSessions, 0)
          assert.strictEqual(yield* Effect.promise(() => page.evaluate(() => sessionStorage.length)), 0)
          const path = `${SCREENSHOTS}/check-${width}-${colorScheme}.png`
          yield* Effect.promise(() => page.screenshot({ path, fullPage: true }))
          const violations = yield* Effect.promise(async () => {
            await page.evaluate(AXE)
            const { violations }: AxeResults = await page.evaluate("axe.run()")
            return violations.map(({ id }) => id)
          })
          assert.deepStrictEqual(violations, [])
          assert.deepStrictEqual(complaints, [])
        }).pipe(withApp),
      SLOW
    )
  }

  it.live(
    "F5 says what to do when it was disconnected meanwhile, and when it was denied",
    () =>
      Effect.gen(function* () {
        const { page, cookie, url } = yield* adasBrowser()
        yield* Effect.promise(() => page.goto(url))
        const held = Promise.withResolvers<() => Promise<void>>()
        yield* Effect.promise(() =>
          page.route("**/mcp", (route) => {
            if (route.request().postDataJSON().method === "tools/call") held.resolve(() => route.continue())
            else return route.continue()
          })
        )
        yield* test(page, "Allow")
        const goOn = yield* Effect.promise(() => held.promise)
        const csrf_token = csrfOf(yield* visitPage("/account/apps", cookie))
        yield* postPage("/account/apps/disconnect", { cookie, csrf_token }, { client_id: "gatehouse-check" })
        yield* Effect.promise(goOn)
        assert.strictEqual(yield* stateOf(page, "revoke"), "passed")
        assert.strictEqual(yield* stateOf(page, "list"), "passed")
        assert.strictEqual(yield* stateOf(page, "call"), "failed")
        const [advice, ...more] = yield* adviceOf(page)
        assert.match(advice ?? "", /^The token is not accepted any more: the test was disconnected/)
        assert.deepStrictEqual(more, [])
        yield* Effect.promise(() => page.screenshot({ path: `${SCREENSHOTS}/check-failed.png`, fullPage: true }))
        assert.isFalse(yield* Effect.promise(() => page.getByText("Everything works").isVisible()))

        yield* Effect.promise(() => page.goto(url))
        yield* test(page, "Deny")
        assert.strictEqual(yield* stateOf(page, "authorize"), "failed")
        assert.match((yield* adviceOf(page)).join(), /^You did not allow it/)
      }).pipe(withApp),
    SLOW
  )

  it.live(
    "AZ11 MX1 takes no answer that this tab did not ask for, and clears the address",
    () =>
      Effect.gen(function* () {
        const { page, url } = yield* adasBrowser()
        const asked: Array<string> = []
        page.on("request", (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`))
        yield* Effect.promise(() => page.goto(url))
        const iss = new URL(url).origin
        for (const { kept, ...answer } of [
          { kept: "ours", state: "ours", iss: "https://evil.example" },
          { kept: "ours", state: "ours" },
          { kept: "ours", state: "theirs", iss },
          { kept: undefined, state: "theirs", iss }
        ]) {
          const value = JSON.stringify({ verifier: "v", state: kept })
          yield* Effect.promise(() => page.evaluate((value) => sessionStorage.setItem("gatehouse-check", value), value))
          yield* Effect.promise(() => page.goto(`${url}?${new URLSearchParams({ code: "c", ...answer })}`))
          assert.strictEqual(yield* stateOf(page, "authorize"), "failed")
          assert.match((yield* adviceOf(page)).join(), /^The answer belongs to no question of this tab/)
          assert.strictEqual(page.url(), url)
        }
        assert.notInclude(asked, "POST /token")
      }).pipe(withApp),
    SLOW
  )

  it.live(
    "UI9 says that it needs its script",
    () =>
      Effect.gen(function* () {
        const { page, url } = yield* adasBrowser({ javaScriptEnabled: false })
        yield* Effect.promise(() => page.goto(url))
        yield* Effect.promise(() => page.getByText("needs its script").waitFor())
        assert.isFalse(yield* Effect.promise(() => page.getByRole("button", { name: "Test now" }).isVisible()))
      }).pipe(withApp),
    SLOW
  )
})
