import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Locator, Page } from "playwright-core"
import { People } from "../../src/people/People.ts"
import { TestApp } from "../support/app.ts"
import { browser, executablePath } from "../support/browser.ts"
import { authorizing, comeIn, fill, introduce, open, press, SLOW, server, setupUrl } from "../support/browsing.ts"
import { exchange } from "../support/client.ts"
import { addAuthenticator, audit } from "../support/pages.ts"
import { somebody } from "../support/people.ts"

const SCREENSHOTS = join(import.meta.dirname, "../.screenshots")
mkdirSync(SCREENSHOTS, { recursive: true })

/** Pages of whoever is signed in, by their paths. */
const INSIDE = [
  "/",
  "/account",
  "/account/apps",
  "/account/codes",
  "/account/password",
  "/check",
  "/logout",
  "/login?again=1",
  "/admin",
  "/admin/apps",
  "/admin/clients",
  "/admin/events",
  "/admin/server"
]

/** Over how many lines each of these goes. */
const linesOf = (found: Locator) =>
  found.evaluateAll((elements) =>
    elements.map((element) => {
      const range = document.createRange()
      range.selectNodeContents(element)
      return new Set([...range.getClientRects()].map(({ top }) => top)).size
    })
  )

/** Where a page leads, within this server. */
const linksOf = (page: Page) =>
  page.locator("a[href^='/']").evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? ""))

/** Looks at whatever page is open: for people, in a picture, and for axe. */
const looker = (page: Page, suffix: string) => async (what: string) => {
  // What is folded up is looked at too; one at a time is open.
  for (const folded of await page.locator("details").all())
    await folded.evaluate((element) => element.setAttribute("open", ""))
  await page.screenshot({ path: `${SCREENSHOTS}/page-${what}-${suffix}.png`, fullPage: true })
  assert.deepStrictEqual(await audit(page), [], what)
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth
  )
  assert.isAtMost(overflow, 0, what)
}

describe.skipIf(executablePath === undefined)("every page", () => {
  for (const width of [360, 1280]) {
    for (const colorScheme of ["light", "dark"] as const) {
      const look = { viewport: { width, height: 800 }, colorScheme }
      const suffix = `${width}-${colorScheme}`

      it.live(
        `UI9 on the way in keeps nobody out (axe-core), and fits (${width} px, ${colorScheme})`,
        () =>
          Effect.gen(function* () {
            const { baseUrl, sql } = yield* TestApp
            const { page, complaints } = yield* open(yield* browser, look)
            const see = looker(page, suffix)
            const link = yield* setupUrl
            const { url } = yield* authorizing()
            yield* Effect.promise(async () => {
              await addAuthenticator(page)
              await page.goto(baseUrl)
              await see("start")
              await page.goto(url)
              await see("start-consent")
              await page.goto(link)
              await see("setup")
              await introduce(page, "Ada", "ada@people.example")
              await page.getByRole("heading", { name: "Hello, Ada" }).waitFor()
              await see("setup-choice")
              await fill(page, { Password: "password" })
              await press(page, "Use a password")
              await page.locator(".error:not(:empty)").first().waitFor()
              await see("setup-refused")
              await press(page, "Use a passkey instead")
              await page.waitForURL(/\/account\/codes$/)
              await press(page, "Make recovery codes")
              await page.locator("ol.codes").waitFor()
              await see("codes")
              assert.deepStrictEqual(await linesOf(page.locator("ol.codes code")), Array(10).fill(1))
              await page.goto(link)
              await introduce(page, "Eve", "eve@people.example")
              await see("link-used-up")
              await page.goto(`${baseUrl}/account`)
              await see("account-passkey")
              await press(page, "Sign out")
              await page.getByRole("link", { name: "Sign in" }).waitFor()
              await see("out")
            })
            yield* sql`update mcp.passkeys set rp_id = 'old-name.example'`.pipe(Effect.orDie)
            yield* Effect.promise(async () => {
              for (const path of ["/login", "/signup", "/recover", "/invitation", "/reset"]) {
                await page.goto(`${baseUrl}${path}`)
                await see(`out${path.replace("/", "-")}`)
              }
              await page.goto(`${baseUrl}/login`)
              await fill(page, { "E-mail": "ada@people.example", Password: "not hers" })
              await press(page, "Sign in")
              await page.getByRole("alert").first().waitFor()
              await see("login-refused")
              await page.goto(`${baseUrl}/authorize?client_id=nobody`)
              await see("refused")
            })
            assert.deepStrictEqual(complaints(), [])
          }).pipe(Effect.scoped, Effect.provide(server({ SIGN_UP: "open" }))),
        SLOW
      )

      it.live(
        `UI9 inside keeps nobody out (axe-core), and fits (${width} px, ${colorScheme})`,
        () =>
          Effect.gen(function* () {
            const { baseUrl } = yield* TestApp
            const ada = yield* somebody("Ada")
            const bob = yield* somebody("Bob", "member")
            yield* (yield* People).invite("carl@people.example", "member", { id: undefined, address: undefined })
            const { page, complaints } = yield* open(yield* browser, look)
            const see = looker(page, suffix)
            yield* comeIn(page, ada.id)
            const app = yield* authorizing({ scope: "openid email mcp.tools.call mcp.web.read offline_access" })
            const code = yield* Effect.promise(async () => {
              await page.goto(app.url)
              await see("consent")
              return (await app.callback(page, () => press(page, "Allow"))).get("code") ?? ""
            })
            const { status } = yield* exchange({ code, verifier: app.verifier }, { redirect_uri: app.redirect_uri })
            assert.strictEqual(status, 200)
            yield* Effect.promise(async () => {
              const links = new Set<string>()
              for (const path of INSIDE) {
                await page.goto(`${baseUrl}${path}`)
                for (const link of await linksOf(page)) links.add(link)
                await see(`in${path.replaceAll(/[/?=]/g, "-")}`)
              }
              for (const link of links) {
                assert.strictEqual((await page.request.get(`${baseUrl}${link}`)).status(), 200, link)
              }
              await page.goto(`${baseUrl}/admin/apps`)
              const [who, from] = [page.locator('td[data-label="Person"]'), page.locator('td[data-label="From"]')]
              assert.deepStrictEqual([...(await linesOf(who)), ...(await linesOf(from))], [1, 1])
              await page.goto(`${baseUrl}/admin`)
              await fill(page, { "E-mail": "dora@people.example" })
              await press(page, "Invite")
              await page.getByLabel("Link").waitFor()
              await see("in-admin-invited")
              await fill(page, { "E-mail": "bob@people.example" })
              await press(page, "Invite")
              await page.getByText("Somebody with this address is here already.").waitFor()
              await see("in-admin-taken")
            })
            yield* comeIn(page, bob.id)
            yield* Effect.promise(async () => {
              for (const path of ["/admin", "/account", "/account/apps"]) {
                await page.goto(`${baseUrl}${path}`)
                await see(`member${path.replaceAll("/", "-")}`)
              }
            })
            assert.deepStrictEqual(complaints(), [])
          }).pipe(Effect.scoped, Effect.provide(server())),
        SLOW
      )
    }
  }
})
