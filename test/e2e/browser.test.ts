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
            assert.strictEqual(yield* Effect.promise(() => page.title()), "Connect Demo client?")
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
