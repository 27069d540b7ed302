import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestApp } from "../support/app.ts"
import { browser, executablePath } from "../support/browser.ts"
import {
  authorizing,
  call,
  comeIn,
  fill,
  introduce,
  logIn,
  open,
  PASSWORD,
  press,
  SLOW,
  server,
  setupUrl
} from "../support/browsing.ts"
import { exchange } from "../support/client.ts"
import { addAuthenticator } from "../support/pages.ts"
import { somebody } from "../support/people.ts"

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
    "a passkey is made on the account page, signs in at the press of its button, and has a name of its person's choice",
    () =>
      Effect.gen(function* () {
        const { page, complaints } = yield* open(yield* browser)
        const { baseUrl } = yield* TestApp
        yield* comeIn(page, (yield* somebody("Ada")).id)
        yield* Effect.promise(async () => {
          await addAuthenticator(page)
          // Or the browser would use the passkey before anybody pressed anything.
          await page.addInitScript(() => {
            PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false)
          })
          await page.goto(`${baseUrl}/account`)
          await press(page, "Add a passkey")
          await page.locator("summary", { hasText: "Rename" }).click()
          await page.locator(".confirm[open]").getByLabel("Name").fill("My laptop")
          await press(page, "Rename")
          await page.getByRole("rowheader", { name: "My laptop" }).waitFor()
          await press(page, "Sign out")
          await page.getByRole("link", { name: "Sign in" }).click()
          await press(page, "Sign in with a passkey")
          await page.getByRole("heading", { name: "Hello, Ada" }).waitFor()
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
    "where sign-up is open, whoever an app sends here makes an account on the way, with a passkey, and the app is connected",
    () =>
      Effect.gen(function* () {
        yield* somebody("Ada")
        const { page, complaints } = yield* open(yield* browser)
        const app = yield* authorizing()
        const callback = yield* Effect.promise(async () => {
          await addAuthenticator(page)
          await page.goto(app.url)
          await page.getByRole("link", { name: "Create an account" }).click()
          await introduce(page, "Bob", "bob@people.example")
          await press(page, "Use a passkey instead")
          await press(page, "Make recovery codes")
          await page.getByRole("link", { name: "I have kept them" }).click()
          await page.getByRole("heading", { name: "Connect Demo client?" }).waitFor()
          return await app.callback(page, () => press(page, "Allow"))
        })
        assert.isNotEmpty(callback.get("code") ?? "")
        assert.deepStrictEqual(complaints(), [])
      }).pipe(Effect.scoped, Effect.provide(server({ SIGN_UP: "open" }))),
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
