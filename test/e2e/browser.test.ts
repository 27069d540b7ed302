import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import { TestApp, testApp } from "../support/app.ts"
import { browser, executablePath } from "../support/browser.ts"
import { admitted, authorizeParameters, exchange, newPkce } from "../support/client.ts"
import { TestDatabase } from "../support/postgres.ts"
import { answerText, upstream } from "../support/upstream.ts"

/** With SCREENSHOTS set to a folder, what a person sees is put there. */
const shoot = (page: Page, name: string) =>
  Effect.promise(async () => {
    const folder = process.env.SCREENSHOTS
    if (folder) await page.screenshot({ path: `${folder}/${name}.png` })
  })

const LOOKS = {
  "light, without JavaScript": {
    javaScriptEnabled: false,
    colorScheme: "light",
    viewport: { width: 1024, height: 720 }
  },
  "dark, on a phone": { javaScriptEnabled: true, colorScheme: "dark", viewport: { width: 360, height: 740 } }
} as const

describe.skipIf(executablePath === undefined)("a person at a real browser", () => {
  // At once the browser may make one request of two clicks; a little later it makes two, the second of which finds the
  // first one answered by the server, and that answer still under way.
  for (const [pause, latency] of [
    [0, 60],
    [100, 10_000]
  ] as const) {
    it.live(
      `F3 UI12 clicks twice and arrives all the same (${pause} ms between the clicks)`,
      () =>
        Effect.gen(function* () {
          const app = yield* TestApp
          const chromium = yield* browser
          const callback = yield* upstream(answerText("thank you", 200, { "content-type": "text/plain" }))
          const redirect_uri = `${callback.url}/callback`
          for (const [button, answer] of [
            ["Allow", "code"],
            ["Deny", "error"]
          ] as const) {
            const context = yield* Effect.promise(() => chromium.newContext())
            const page = yield* Effect.promise(() => context.newPage())
            let posted = 0
            const second = Promise.withResolvers<void>()
            yield* Effect.promise(() =>
              page.route("**/authorize/decision", async (route) => {
                const isSecond = ++posted === 2
                const response = await route.fetch({ maxRedirects: 0 })
                if (isSecond) second.resolve()
                await Promise.race([second.promise, new Promise((resolve) => setTimeout(resolve, latency))])
                await route.fulfill({ response }).catch(() => undefined)
              })
            )
            const pkce = newPkce()
            const query = new URLSearchParams(authorizeParameters(pkce.challenge, { redirect_uri }))
            yield* Effect.promise(() => page.goto(`${app.baseUrl}/authorize?${query}`))
            const { x, y, width, height } = (yield* Effect.promise(() =>
              page.getByRole("button", { name: button }).boundingBox()
            )) ?? { x: 0, y: 0, width: 0, height: 0 }
            const click = Effect.promise(() => page.mouse.click(x + width / 2, y + height / 2))
            yield* click
            yield* Effect.sleep(pause)
            yield* click
            // Not `waitForURL`: a navigation that is given up would end it.
            for (let wait = 0; wait < 200 && !page.url().startsWith(callback.url); wait++) yield* Effect.sleep(50)
            if (pause > 0) assert.strictEqual(posted, 2)
            const arrived = new URL(page.url()).searchParams
            assert.isTrue(arrived.has(answer), page.url())
            if (answer === "code") {
              const code = { code: arrived.get("code") ?? "", verifier: pkce.verifier }
              assert.strictEqual((yield* exchange(code, { redirect_uri })).status, 200)
            }
            yield* Effect.promise(() => context.close())
          }
        }).pipe(Effect.scoped, Effect.provide(testApp(TestDatabase.quick))),
      { timeout: 60_000 }
    )
  }

  it.live(
    "F13 opens three tabs at once in a fresh browser and allows in each; goes back and allows again",
    () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const chromium = yield* browser
        const context = yield* Effect.promise(() => chromium.newContext())
        const callback = yield* upstream(answerText("thank you", 200, { "content-type": "text/plain" }))
        const redirect_uri = `${callback.url}/callback`
        const tabs = yield* Effect.promise(() => Promise.all([1, 2, 3].map(() => context.newPage())))
        const allow = Effect.fn("allow")(function* (page: Page, verifier: string) {
          yield* Effect.promise(() =>
            Promise.all([page.waitForURL(`${callback.url}/**`), page.getByRole("button", { name: "Allow" }).click()])
          )
          const code = new URL(page.url()).searchParams.get("code") ?? ""
          assert.strictEqual((yield* exchange({ code, verifier }, { redirect_uri })).status, 200)
        })
        const pkces = tabs.map(newPkce)
        yield* Effect.forEach(
          tabs,
          (page, at) => {
            const parameters = authorizeParameters(pkces[at]?.challenge ?? "", { redirect_uri })
            return Effect.promise(() => page.goto(`${app.baseUrl}/authorize?${new URLSearchParams(parameters)}`))
          },
          { concurrency: "unbounded" }
        )
        for (const [at, page] of tabs.entries()) yield* allow(page, pkces[at]?.verifier ?? "")
        const [tab] = tabs
        if (tab === undefined) return
        yield* Effect.promise(() => tab.goBack())
        assert.strictEqual(yield* Effect.promise(() => tab.title()), "Connect Demo client? · Gatehouse")
        yield* allow(tab, pkces[0]?.verifier ?? "")
      }).pipe(Effect.scoped, Effect.provide(testApp(TestDatabase.quick))),
    { timeout: 60_000 }
  )

  for (const [look, options] of Object.entries(LOOKS)) {
    it.live(
      `UI9 reads the page, denies, allows and is sent back, with the content security policy on (${look})`,
      () =>
        Effect.gen(function* () {
          const app = yield* TestApp
          const chromium = yield* browser
          const context = yield* Effect.promise(() => chromium.newContext(options))
          const page = yield* Effect.promise(() => context.newPage())
          const complaints: Array<string> = []
          page.on("console", (message) => complaints.push(message.text()))
          page.on("pageerror", (error) => complaints.push(String(error)))
          const callback = yield* upstream(
            answerText("you may close this window", 200, { "content-type": "text/plain" })
          )
          const redirect_uri = `${callback.url}/callback`

          /** Opens the page and presses a button; where the browser ends up. */
          const decide = Effect.fn("decide")(function* (challenge: string, button: string, screenshot: string) {
            const query = new URLSearchParams(authorizeParameters(challenge, { redirect_uri }))
            yield* Effect.promise(() => page.goto(`${app.baseUrl}/authorize?${query}`))
            assert.strictEqual(yield* Effect.promise(() => page.title()), "Connect Demo client? · Gatehouse")
            yield* shoot(page, screenshot)
            const overflow = yield* Effect.promise(() =>
              page.locator("main").evaluate((main) => main.scrollWidth > main.clientWidth)
            )
            assert.isFalse(overflow)
            yield* Effect.promise(() =>
              Promise.all([page.waitForURL(`${callback.url}/**`), page.getByRole("button", { name: button }).click()])
            )
            return new URL(page.url()).searchParams
          })

          const denied = yield* decide(newPkce().challenge, "Deny", `consent-${options.colorScheme}`)
          assert.strictEqual(denied.get("error"), "access_denied")
          assert.strictEqual(denied.get("state"), "a state")

          const pkce = newPkce()
          const allowed = yield* decide(pkce.challenge, "Allow", `again-${options.colorScheme}`)
          assert.strictEqual(allowed.get("iss"), app.baseUrl)
          assert.strictEqual(allowed.get("state"), "a state")
          const { body } = yield* exchange(
            { code: allowed.get("code") ?? "", verifier: pkce.verifier },
            { redirect_uri }
          )
          assert.isTrue(yield* admitted(body.access_token))
          const arrival = callback.asked.findLast(({ url }) => url.pathname === "/callback")
          assert.isUndefined(arrival?.headers.referer)

          yield* Effect.promise(() => page.goto(`${app.baseUrl}/authorize?client_id=nobody`))
          yield* shoot(page, `problem-${options.colorScheme}`)
          assert.deepStrictEqual(
            complaints.filter((complaint) => !/status of 4\d\d/.test(complaint)),
            []
          )
        }).pipe(Effect.scoped, Effect.provide(testApp(TestDatabase.quick))),
      { timeout: 60_000 }
    )
  }
})
