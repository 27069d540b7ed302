import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { browser, executablePath } from "../support/browser.ts"
import { Gallery, gallery, NAMES, NOW } from "../support/gallery.ts"
import * as Pages from "../support/pages.ts"

const options = { excludeTestServices: true, timeout: "60 seconds" } as const
/** A browser on a busy machine. */
const SLOW = { timeout: 120_000 }
const SCREENSHOTS = join(import.meta.dirname, "../.screenshots")
mkdirSync(SCREENSHOTS, { recursive: true })

const open = Effect.fn("open")(function* (chromium: Browser, path: string, look: BrowserContextOptions = {}) {
  const { baseUrl } = yield* Gallery
  const context = yield* Effect.promise(() => chromium.newContext(look))
  yield* Effect.addFinalizer(() => Effect.promise(() => context.close()))
  yield* Effect.promise(() => context.clock.setFixedTime(NOW))
  const page = yield* Effect.promise(() => context.newPage())
  const complaints: Array<string> = []
  page.on("console", (message) => complaints.push(message.text()))
  page.on("pageerror", (error) => complaints.push(String(error)))
  yield* Effect.promise(() => page.goto(`${baseUrl}${path}`))
  return { page, complaints: () => complaints.filter((complaint) => !/status of [45]\d\d/.test(complaint)) }
})

const audit = (page: Page) => Effect.promise(() => Pages.audit(page))
const authenticator = (page: Page) => Effect.promise(() => Pages.addAuthenticator(page))

describe.skipIf(executablePath === undefined)("pages in a real browser", () => {
  layer(
    gallery,
    options
  )((it) => {
    for (const width of [360, 1280]) {
      for (const colorScheme of ["light", "dark"] as const) {
        it.effect(
          `UI9 every component is accessible and fits (${width} px, ${colorScheme})`,
          () =>
            Effect.gen(function* () {
              const chromium = yield* browser
              for (const name of NAMES) {
                const look = { viewport: { width, height: 800 }, colorScheme }
                const { page, complaints } = yield* open(chromium, `/gallery/${name}`, look)
                const shoot = (suffix: string) =>
                  Effect.promise(() =>
                    page.screenshot({
                      path: `${SCREENSHOTS}/${name}${suffix}-${width}-${colorScheme}.png`,
                      fullPage: true
                    })
                  )
                yield* shoot("")
                assert.deepStrictEqual(yield* audit(page), [], name)
                // What is folded up is looked at too.
                const folded = page.locator("summary")
                for (const summary of yield* Effect.promise(() => folded.all()))
                  yield* Effect.promise(() => summary.click())
                if ((yield* Effect.promise(() => folded.count())) > 0) {
                  yield* shoot("-open")
                  assert.deepStrictEqual(yield* audit(page), [], `${name}, unfolded`)
                }
                // Between the two looks, and as wide as a page at 400 % (WCAG 1.4.10).
                for (const other of [width, 720, 320]) {
                  yield* Effect.promise(() => page.setViewportSize({ width: other, height: 800 }))
                  const overflow = yield* Effect.promise(() =>
                    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
                  )
                  assert.isAtMost(overflow, 0, `${name}, ${other} px`)
                }
                assert.deepStrictEqual(complaints(), [], name)
              }
            }).pipe(Effect.scoped),
          SLOW
        )
      }
    }

    it.effect(
      "UI9 the first wrong field has the focus, and the first Tab leads to the skip link",
      () =>
        Effect.gen(function* () {
          const chromium = yield* browser
          const wrong = yield* open(chromium, "/gallery/setup")
          const focused = (page: Page) => Effect.promise(() => page.evaluate(() => document.activeElement?.id))
          assert.strictEqual(yield* focused(wrong.page), "setup-email")
          const { page } = yield* open(chromium, "/gallery/empty")
          yield* Effect.promise(() => page.keyboard.press("Tab"))
          yield* Effect.promise(() => page.keyboard.press("Enter"))
          assert.strictEqual(yield* focused(page), "main")
        }).pipe(Effect.scoped),
      SLOW
    )

    it.effect(
      "UI9 a code in the address fills its field and leaves the address bar",
      () =>
        Effect.gen(function* () {
          const { page } = yield* open(yield* browser, "/gallery/setup#a-code")
          const code = page.getByLabel("Set-up code")
          assert.strictEqual(yield* Effect.promise(() => code.inputValue()), "a-code")
          assert.notInclude(page.url(), "#")
          // Whatever stands there, the rest of the script goes on.
          const broken = yield* open(yield* browser, "/gallery/setup#%")
          yield* Effect.promise(() => broken.page.getByRole("button", { name: "Make a passkey" }).waitFor())
        }).pipe(Effect.scoped),
      SLOW
    )

    it.effect(
      "UI9 times are told in the reader's zone, recent ones in words; in UTC without script",
      () =>
        Effect.gen(function* () {
          const chromium = yield* browser
          const textsOf = (page: Page) => Effect.promise(() => page.locator("time").allTextContents())
          const { page } = yield* open(chromium, "/gallery/account", { timezoneId: "Asia/Tokyo" })
          const [since, first, last, exact, other] = yield* textsOf(page)
          assert.deepStrictEqual([since, first, last], ["9 Mar 2025, 23:05", "9 Mar 2025, 23:05", "just now"])
          assert.deepStrictEqual([exact, other], ["23 Nov 2026, 19:00:30", "7 minutes ago"])
          const plain = yield* open(chromium, "/gallery/account", { javaScriptEnabled: false })
          assert.strictEqual((yield* textsOf(plain.page))[0], "9 Mar 2025, 14:05 UTC")
        }).pipe(Effect.scoped),
      SLOW
    )

    it.effect(
      "UI9 a value is copied by its button, which is not there without script",
      () =>
        Effect.gen(function* () {
          const chromium = yield* browser
          const { page } = yield* open(chromium, "/gallery/account", {
            permissions: ["clipboard-read", "clipboard-write"]
          })
          yield* Effect.promise(() => page.getByRole("button", { name: "Copy" }).click())
          yield* Effect.promise(() => page.getByRole("button", { name: "Copied" }).waitFor())
          const copied = yield* Effect.promise(() => page.evaluate(() => navigator.clipboard.readText()))
          assert.strictEqual(copied, "https://gate.example/mcp")
          const plain = yield* open(chromium, "/gallery/account", { javaScriptEnabled: false })
          assert.isFalse(yield* Effect.promise(() => plain.page.locator("[data-copy]").isVisible()))
        }).pipe(Effect.scoped),
      SLOW
    )

    it.effect(
      "a passkey is made, used by its button, and offered in the field for the name",
      () =>
        Effect.gen(function* () {
          const { baseUrl } = yield* Gallery
          const { page, complaints } = yield* open(yield* browser, "/gallery/setup")
          yield* authenticator(page)
          const press = (name: string, path: string) =>
            Effect.promise(() =>
              Promise.all([page.waitForURL(`**${path}`), page.getByRole("button", { name }).click()])
            )
          yield* press("Make a passkey", "/gallery/account")
          yield* Effect.promise(() => page.goto(`${baseUrl}/gallery/confirm`))
          yield* press("Use a passkey", "/gallery/empty")
          yield* Effect.promise(() => page.goto(`${baseUrl}/gallery/sign-in`))
          // Nothing is pressed: the virtual device takes the offer.
          yield* Effect.promise(() => page.waitForURL("**/gallery/empty"))
          assert.deepStrictEqual(complaints(), [])
        }).pipe(Effect.scoped),
      SLOW
    )

    it.effect(
      "a passkey that is refused, by the browser or by the server, is told of in plain words",
      () =>
        Effect.gen(function* () {
          const { baseUrl } = yield* Gallery
          const { page } = yield* open(yield* browser, "/gallery/confirm")
          const told = (sentence: string) =>
            Effect.promise(async () => {
              await page.getByRole("button", { name: "Use a passkey" }).click()
              await page.getByRole("alert").filter({ hasText: sentence }).waitFor()
            })
          yield* authenticator(page)
          yield* told("No passkey was used.")
          yield* Effect.promise(() => page.goto(`${baseUrl}/gallery/setup`))
          yield* Effect.promise(() =>
            Promise.all([
              page.waitForURL("**/gallery/account"),
              page.getByRole("button", { name: "Make a passkey" }).click()
            ])
          )
          yield* Effect.promise(() => page.goto(`${baseUrl}/gallery/confirm`))
          const json = { error: "refused", error_description: "The server knows no such passkey." }
          yield* Effect.promise(() => page.route("**/passkey/get", (route) => route.fulfill({ status: 401, json })))
          yield* told("The server knows no such passkey.")
          yield* Effect.promise(() => page.unroute("**/passkey/get"))
          yield* Effect.promise(() => page.route("**/passkey/get/options", (route) => route.fulfill({ status: 502 })))
          yield* told("The server could not answer.")
        }).pipe(Effect.scoped),
      SLOW
    )

    it.effect(
      "without passkeys in the browser the page says so, and offers no button for them",
      () =>
        Effect.gen(function* () {
          const { page } = yield* open(yield* browser, "/")
          yield* Effect.promise(() => page.addInitScript("delete globalThis.PublicKeyCredential"))
          const { baseUrl } = yield* Gallery
          yield* Effect.promise(() => page.goto(`${baseUrl}/gallery/sign-in`))
          yield* Effect.promise(() => page.getByText("This browser knows no passkeys").waitFor())
          assert.isFalse(
            yield* Effect.promise(() => page.getByRole("button", { name: "Sign in with a passkey" }).isVisible())
          )
          const plain = yield* open(yield* browser, "/gallery/sign-in", { javaScriptEnabled: false })
          assert.isTrue(yield* Effect.promise(() => plain.page.locator("noscript p").isVisible()))
        }).pipe(Effect.scoped),
      SLOW
    )
  })
})
