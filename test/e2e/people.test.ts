import { once } from "node:events"
import { mkdirSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { People } from "../../src/people/People.ts"
import { TestApp, testApp } from "../support/app.ts"
import { browser, executablePath } from "../support/browser.ts"
import { authorizeParameters, exchange, newPkce, rpc } from "../support/client.ts"
import { addAuthenticator, audit } from "../support/pages.ts"
import { browserOf, somebody } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

/** A browser on a busy machine. */
const SLOW = { timeout: 180_000 }
const PASSWORD = "correct horse battery"
const SCREENSHOTS = join(import.meta.dirname, "../.screenshots")
mkdirSync(SCREENSHOTS, { recursive: true })

const server = () => Layer.fresh(testApp(TestDatabase.quick))

const setupUrl = Effect.gen(function* () {
  const { baseUrl } = yield* TestApp
  const code = yield* (yield* People).setupLink
  return `${baseUrl}/setup#${code === undefined ? "" : Redacted.value(code)}`
})

/** A page of somebody's browser, and whatever its console has to complain of. */
const open = Effect.fn("open")(function* (chromium: Browser, look: BrowserContextOptions = {}) {
  const context = yield* Effect.promise(() => chromium.newContext(look))
  yield* Effect.addFinalizer(() => Effect.promise(() => context.close()))
  const page = yield* Effect.promise(() => context.newPage())
  const complaints: Array<string> = []
  page.on("console", (message) => complaints.push(message.text()))
  page.on("pageerror", (error) => complaints.push(String(error)))
  return { page, complaints: () => complaints.filter((complaint) => !/status of 4\d\d|ERR_/.test(complaint)) }
})

const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click()

const fill = async (page: Page, fields: Readonly<Record<string, string>>) => {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value)
}

const introduce = async (page: Page, name: string, email?: string) => {
  await fill(page, { "Your name": name, ...(email === undefined ? {} : { "E-mail": email }) })
  await press(page, "Continue")
}

const logIn = async (page: Page, password = PASSWORD) => {
  await fill(page, { "E-mail": "ada@people.example", Password: password })
  await press(page, "Sign in")
}

/** An app's own page on this computer, where the answer comes back to. */
const desktopApp = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer((_, response) => response.setHeader("content-type", "text/html").end("Connected."))
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return server
  }),
  (server) => Effect.sync(() => server.close().closeAllConnections())
)

/** An app sends a person here, and waits for the answer. */
const authorizing = Effect.fn("authorizing")(function* (over: Readonly<Record<string, string>> = {}) {
  const { baseUrl } = yield* TestApp
  const app = yield* desktopApp
  const redirect_uri = `http://127.0.0.1:${(app.address() as AddressInfo).port}/callback`
  const pkce = newPkce()
  const scope = "mcp.tools.call mcp.web.read offline_access"
  const parameters = authorizeParameters(pkce.challenge, { scope, redirect_uri, ...over })
  const callback = async (page: Page, act: () => Promise<void>) => {
    await act()
    await page.waitForURL((url) => url.href.startsWith(redirect_uri))
    return new URL(page.url()).searchParams
  }
  return { ...pkce, redirect_uri, url: `${baseUrl}/authorize?${new URLSearchParams(parameters)}`, callback }
})

const call = (token: string) => rpc(token, "tools/call", { name: "calculator", arguments: { expression: "6*7" } })

describe.skipIf(executablePath === undefined)("people at a real browser", () => {
  it.live(
    "the link that the start prints leads to a connected app, and Disconnect to the end of it",
    () =>
      Effect.gen(function* () {
        const { page, complaints } = yield* open(yield* browser)
        const link = yield* setupUrl
        const app = yield* authorizing()
        const code = yield* Effect.promise(async () => {
          await page.goto(link)
          // Nothing of the code is left for whoever looks at the address.
          assert.notInclude(page.url(), "#")
          await introduce(page, "Ada", "ada@people.example")
          await fill(page, { Password: PASSWORD })
          await press(page, "Use a password")
          await page.waitForURL(/\/account\/codes$/)
          await press(page, "Make recovery codes")
          assert.strictEqual(await page.locator("ol.codes li").count(), 10)
          await page.getByRole("link", { name: "I have kept them" }).click()
          await page.getByRole("heading", { name: "Hello, Ada" }).waitFor()
          await press(page, "Sign out")
          // As an app sends her.
          await page.goto(app.url)
          assert.match(page.url(), /\/login\?return_to=/)
          await logIn(page)
          await page.getByRole("heading", { name: "Connect Demo client?" }).waitFor()
          await page.getByLabel("Open public web pages").uncheck()
          return (await app.callback(page, () => press(page, "Allow"))).get("code") ?? ""
        })
        const tokens = yield* exchange({ code, verifier: app.verifier }, { redirect_uri: app.redirect_uri })
        assert.strictEqual(tokens.body.scope, "mcp.tools.call offline_access")
        assert.strictEqual((yield* call(tokens.body.access_token)).body.result.structuredContent.result, "42")
        const { baseUrl } = yield* TestApp
        yield* Effect.promise(async () => {
          await page.goto(`${baseUrl}/account/apps`)
          await page.getByRole("heading", { name: "Demo client" }).waitFor()
          await page.locator("summary", { hasText: "Disconnect" }).click()
          await press(page, "Disconnect")
          await page.getByText("No app is connected").waitFor()
        })
        assert.strictEqual((yield* call(tokens.body.access_token)).status, 401)
        assert.deepStrictEqual(complaints(), [])
      }).pipe(Effect.scoped, Effect.provide(server())),
    SLOW
  )

  it.live(
    "a passkey is the only way in: at the set-up, to sign in, and it cannot be removed while it is the last one",
    () =>
      Effect.gen(function* () {
        const { page, complaints } = yield* open(yield* browser)
        const link = yield* setupUrl
        const { baseUrl } = yield* TestApp
        yield* Effect.promise(async () => {
          await addAuthenticator(page)
          await page.goto(link)
          await introduce(page, "Ada", "ada@people.example")
          await press(page, "Use a passkey instead")
          await page.waitForURL(/\/account\/codes$/)
          await press(page, "Sign out")
          // The browser offers it by itself, or at the press of the button; either way somebody is in.
          await page.goto(`${baseUrl}/login?return_to=/account`)
          await page.waitForURL(`${baseUrl}/account`)
          await page.locator("summary", { hasText: "Remove" }).click()
          await press(page, "Remove")
          await page.getByText("This is your last way in").waitFor()
        })
        assert.deepStrictEqual(complaints(), [])
      }).pipe(Effect.scoped, Effect.provide(server())),
    SLOW
  )

  it.live(
    "an invitation, a recovery code and a reset link each lead somebody in, without JavaScript too",
    () =>
      Effect.gen(function* () {
        const chromium = yield* browser
        const { page: owner } = yield* open(chromium)
        const { page: guest } = yield* open(chromium, { javaScriptEnabled: false })
        const link = yield* setupUrl
        const { baseUrl } = yield* TestApp
        yield* Effect.promise(async () => {
          await owner.goto(link)
          await introduce(owner, "Ada", "ada@people.example")
          await fill(owner, { Password: PASSWORD })
          await press(owner, "Use a password")
          await owner.goto(`${baseUrl}/admin`)
          await fill(owner, { "E-mail": "bob@people.example" })
          await press(owner, "Invite")
          const invitation = await owner.getByLabel("Link").inputValue()
          // Without the script a code is typed.
          await guest.goto(`${baseUrl}/invitation`)
          await fill(guest, { Code: invitation.split("#")[1] ?? "", "Your name": "Bob" })
          await press(guest, "Continue")
          await fill(guest, { Password: "a password of Bob's" })
          await press(guest, "Use a password")
          await press(guest, "Make recovery codes")
          const code = (await guest.locator("ol.codes li").first().textContent()) ?? ""
          assert.strictEqual(await guest.getByRole("link", { name: "Admin" }).count(), 0)
          await guest.goto(`${baseUrl}/admin`)
          await guest.getByRole("heading", { name: "For owners" }).waitFor()
          await guest.getByRole("link", { name: "Your account" }).click()
          await press(guest, "Sign out")
          await guest.goto(`${baseUrl}/recover`)
          await fill(guest, { "E-mail": "bob@people.example", "Recovery code": code })
          await press(guest, "Continue")
          await fill(guest, { Password: "another password of Bob's" })
          await press(guest, "Use a password")
          await guest.getByText("Used a recovery code").waitFor()
          await owner.goto(`${baseUrl}/admin`)
          const row = owner.getByRole("row").filter({ hasText: "bob@people.example" })
          await row.locator("summary", { hasText: "New way in" }).click()
          await row.getByRole("button", { name: "Make the link" }).click()
          const reset = await owner.getByLabel("Link").inputValue()
          await guest.goto(`${baseUrl}/reset`)
          await fill(guest, { Code: reset.split("#")[1] ?? "" })
          await press(guest, "Continue")
          await fill(guest, { Password: "a third password of Bob's" })
          await press(guest, "Use a password")
          await guest.waitForURL(`${baseUrl}/account`)
        })
      }).pipe(Effect.scoped, Effect.provide(server())),
    SLOW
  )

  it.live(
    "F3 F13 several tabs, twice-pressed buttons and Back all end well, with a private-use scheme too",
    () =>
      Effect.gen(function* () {
        const chromium = yield* browser
        const { baseUrl, sql } = yield* TestApp
        yield* sql`
          insert into mcp.oauth_clients (client_id, client_name, redirect_uris, token_endpoint_auth_methods)
          values ('cursor', 'Cursor', '{cursor://anysphere.cursor-mcp/oauth/callback}', '{none}')`.pipe(Effect.orDie)
        const { cookie } = yield* browserOf((yield* somebody("Ada")).id)
        const { page, complaints } = yield* open(chromium)
        const [one, two] = [yield* authorizing(), yield* authorizing()]
        const cursor = yield* authorizing({
          client_id: "cursor",
          redirect_uri: "cursor://anysphere.cursor-mcp/oauth/callback"
        })
        const [name = "", value = ""] = cookie.split("=")
        const codes = yield* Effect.promise(async () => {
          await page.context().addCookies([{ name, value, url: baseUrl }])
          const other = await page.context().newPage()
          await Promise.all([page.goto(one.url), other.goto(two.url)])
          const allow = (page: Page) => page.getByRole("button", { name: "Allow" })
          const first = await one.callback(page, () => allow(page).dblclick({ noWaitAfter: true }))
          const second = await two.callback(other, () => allow(other).click({ noWaitAfter: true }))
          // Where the private-use scheme leads is nothing that a browser without the app can show; that it left is enough.
          const third = await page.context().newPage()
          await third.goto(cursor.url)
          const left = third.waitForResponse((response) => response.url().endsWith("/authorize/decision"))
          await allow(third).click({ noWaitAfter: true })
          assert.match(
            (await left).headers().location ?? "",
            /^cursor:\/\/anysphere\.cursor-mcp\/oauth\/callback\?code=/
          )
          return [first.get("code") ?? "", second.get("code") ?? ""]
        })
        for (const [index, flow] of [one, two].entries()) {
          assert.strictEqual(
            (yield* exchange(
              { code: codes[index] ?? "", verifier: flow.verifier },
              { redirect_uri: flow.redirect_uri }
            )).status,
            200
          )
        }
        assert.deepStrictEqual(complaints(), [])
      }).pipe(Effect.scoped, Effect.provide(server())),
    SLOW
  )

  it.live(
    "a new name of the server is told where a passkey would have been used",
    () =>
      Effect.gen(function* () {
        const { sql, baseUrl } = yield* TestApp
        const ada = yield* somebody("Ada")
        yield* sql`
          insert into mcp.passkeys (credential_id, person_id, rp_id, public_key, counter, is_synced, name)
          values ('x', ${ada.id}, 'old-name.example', '\\x00', 0, false, 'Old')`.pipe(Effect.orDie)
        const { page } = yield* open(yield* browser)
        yield* Effect.promise(async () => {
          await page.goto(`${baseUrl}/login`)
          await page.getByText("This server was known as old-name.example before").waitFor()
        })
      }).pipe(Effect.scoped, Effect.provide(server())),
    SLOW
  )
})

describe.skipIf(executablePath === undefined)("every page", () => {
  for (const width of [360, 1280]) {
    for (const colorScheme of ["light", "dark"] as const) {
      it.live(
        `UI9 keeps nobody out (axe-core), and fits (${width} px, ${colorScheme})`,
        () =>
          Effect.gen(function* () {
            const { baseUrl } = yield* TestApp
            const ada = yield* somebody("Ada")
            yield* somebody("Bob", "member")
            yield* (yield* People).invite("carl@people.example", "member", { id: undefined, address: undefined })
            const { cookie } = yield* browserOf(ada.id)
            const [name = "", value = ""] = cookie.split("=")
            const { page, complaints } = yield* open(yield* browser, { viewport: { width, height: 800 }, colorScheme })
            const { url } = yield* authorizing({ scope: "openid email mcp.tools.call mcp.web.read" })
            const look = async (what: string, address: string) => {
              await page.goto(address)
              // What is folded up is looked at too; one at a time is open.
              for (const folded of await page.locator("details").all())
                await folded.evaluate((element) => element.setAttribute("open", ""))
              await page.screenshot({ path: `${SCREENSHOTS}/page-${what}-${width}-${colorScheme}.png`, fullPage: true })
              assert.deepStrictEqual(await audit(page), [], what)
              const overflow = await page.evaluate(
                () => document.documentElement.scrollWidth - document.documentElement.clientWidth
              )
              assert.isAtMost(overflow, 0, what)
            }
            yield* Effect.promise(async () => {
              for (const path of ["/", "/login", "/recover", "/setup", "/invitation", "/reset"]) {
                await look(`out${path.replaceAll("/", "-")}`, `${baseUrl}${path}`)
              }
              await look("refused", `${baseUrl}/authorize?client_id=nobody`)
              await page.context().addCookies([{ name, value, url: baseUrl }])
              for (const path of [
                "/",
                "/account",
                "/account/apps",
                "/account/codes",
                "/account/password",
                "/logout",
                "/login?again=1",
                "/admin",
                "/admin/apps",
                "/admin/clients",
                "/admin/events",
                "/admin/server"
              ]) {
                await look(`in${path.replaceAll(/[/?=]/g, "-")}`, `${baseUrl}${path}`)
              }
              await look("consent", url)
            })
            assert.deepStrictEqual(complaints(), [])
          }).pipe(Effect.scoped, Effect.provide(server())),
        SLOW
      )
    }
  }
})
