import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import { discover, registerAt, useTools } from "../clients/profile.ts"
import { freePort, TestApp } from "../support/app.ts"
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
  server
} from "../support/browsing.ts"
import { authorizeParameters, exchange, newPkce } from "../support/client.ts"
import { somebody } from "../support/people.ts"
import { said, start, temporaryFolder } from "../support/program.ts"

const CALLBACK = "https://chatgpt.com/connector/oauth/a-connector"

/** ChatGPT finds its way from the bare address, and makes itself known; then it sends its user here, each time in a tab of its own. */
const chatGpt = Effect.gen(function* () {
  const discovered = yield* discover("openai-mcp", {
    challenge: true,
    server: ["/.well-known/oauth-authorization-server"]
  })
  const { client_id } = yield* registerAt(discovered, {
    client_name: "ChatGPT",
    redirect_uris: [CALLBACK],
    grant_types: ["authorization_code", "refresh_token"],
    token_endpoint_auth_method: "none"
  })
  const { baseUrl } = yield* TestApp
  const sends = Effect.fn("chatGpt.sends")(function* (from: Page, act: (page: Page) => Promise<unknown>) {
    const pkce = newPkce()
    const parameters = authorizeParameters(pkce.challenge, {
      client_id,
      redirect_uri: CALLBACK,
      scope: `${discovered.challengeScope} offline_access`,
      resource: discovered.url
    })
    const code = yield* Effect.promise(async () => {
      const page = await from.context().newPage()
      const arrival = page.waitForRequest((request) => request.url().startsWith(CALLBACK))
      // Where nothing has to be asked the tab is at its callback at once, which is nowhere here.
      const opened = page.goto(`${baseUrl}/authorize?${new URLSearchParams(parameters)}`).catch(() => undefined)
      await Promise.race([arrival, opened.then(() => act(page))])
      const arrived = new URL((await arrival).url()).searchParams
      await page.close()
      return arrived.get("code") ?? ""
    })
    const redeemed = yield* exchange(
      { code, verifier: pkce.verifier },
      { client_id, redirect_uri: CALLBACK, resource: discovered.url }
    )
    assert.strictEqual(redeemed.status, 200, redeemed.text)
    return redeemed.body
  })
  return { sends }
})

const everything = (tab: Page) => tab.getByRole("button", { name: "Allow" }).click({ noWaitAfter: true })
const mustNotAsk = () => Promise.reject(new Error("it was asked again"))

describe.skipIf(executablePath === undefined)("people and their apps at a real browser", () => {
  it.live(
    "from the link that the program prints to ChatGPT's first tool call in five presses; asked once, until it is disconnected",
    () =>
      Effect.gen(function* () {
        const port = yield* freePort
        const program = yield* start("main.ts", { PORT: String(port), DATA_DIR: yield* temporaryFolder })
        const [, link = ""] = yield* said(program, /Set up {2}(\S+)/)
        const baseUrl = `http://localhost:${port}`
        assert.match(link, new RegExp(`^${baseUrl}/setup#[\\w-]+$`))
        const { page, complaints } = yield* open(yield* browser)
        let presses = 0
        yield* Effect.gen(function* () {
          yield* Effect.promise(async () => {
            await page.goto(link)
            await introduce(page, "Ada", "ada@people.example")
            await fill(page, { Password: PASSWORD })
            await press(page, "Use a password")
            await press(page, "Make recovery codes")
            await page.getByRole("link", { name: "I have kept them" }).click()
            await page.getByRole("heading", { name: "Hello, Ada" }).waitFor()
            presses += 4
            assert.strictEqual(await page.getByLabel("MCP server", { exact: true }).inputValue(), `${baseUrl}/mcp`)
          })
          const { sends } = yield* chatGpt
          const allow = async (tab: Page) => {
            await tab.getByRole("heading", { name: "Connect ChatGPT?" }).waitFor()
            await tab.getByLabel("Open public web pages").uncheck()
            presses += 1
            await tab.getByRole("button", { name: "Allow" }).click({ noWaitAfter: true })
          }
          const tokens = yield* sends(page, allow)
          assert.strictEqual(presses, 5)
          assert.strictEqual(tokens.scope, "mcp.tools.call offline_access")
          yield* useTools("openai-mcp", tokens)
          // It comes back for what she left out: the box is as she left it, and what she allows now is not asked again.
          const more = yield* sends(page, async (tab) => {
            const box = tab.getByLabel("Open public web pages")
            assert.isFalse(await box.isChecked())
            await box.check()
            await everything(tab)
          })
          assert.strictEqual(more.scope, "mcp.tools.call mcp.web.read offline_access")
          const silent = yield* sends(page, mustNotAsk)
          assert.strictEqual(silent.scope, more.scope)
          yield* Effect.promise(async () => {
            await page.getByRole("link", { name: "Connected apps" }).click()
            await page.getByRole("heading", { name: "ChatGPT" }).waitFor()
            await page.getByText("chatgpt.com", { exact: true }).waitFor()
            await page.locator("summary", { hasText: "Disconnect" }).click()
            await press(page, "Disconnect")
            await page.getByText("No app is connected").waitFor()
          })
          for (const { access_token } of [tokens, more, silent]) {
            assert.strictEqual((yield* call(access_token)).status, 401)
          }
          assert.strictEqual((yield* sends(page, everything)).scope, more.scope)
        }).pipe(Effect.provideService(TestApp, { baseUrl, port } as TestApp["Service"]))
        assert.deepStrictEqual(complaints(), [])
        assert.notInclude(program.output(), PASSWORD)
      }).pipe(Effect.scoped),
    SLOW
  )

  it.live(
    "F3 F13 several tabs, a twice-pressed button and Back all end well, with a private-use scheme too",
    () =>
      Effect.gen(function* () {
        const chromium = yield* browser
        const { sql } = yield* TestApp
        yield* sql`
          insert into mcp.oauth_clients (client_id, client_name, redirect_uris, token_endpoint_auth_methods)
          values ('cursor', 'Cursor', '{cursor://anysphere.cursor-mcp/oauth/callback}', '{none}')`.pipe(Effect.orDie)
        const { page, complaints } = yield* open(chromium)
        yield* comeIn(page, (yield* somebody("Ada")).id)
        const [one, two] = [yield* authorizing(), yield* authorizing()]
        const cursor = yield* authorizing({
          client_id: "cursor",
          redirect_uri: "cursor://anysphere.cursor-mcp/oauth/callback"
        })
        const codes = yield* Effect.promise(async () => {
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
          await other.goBack()
          const again = await two.callback(other, () => allow(other).click({ noWaitAfter: true }))
          return { first: first.get("code"), second: second.get("code"), again: again.get("code") }
        })
        const redeem = ({ verifier, redirect_uri }: typeof one, code: string | null) =>
          Effect.map(exchange({ code: code ?? "", verifier }, { redirect_uri }), ({ status }) => status)
        assert.strictEqual(yield* redeem(one, codes.first), 200)
        assert.notStrictEqual(codes.again, codes.second)
        assert.strictEqual(yield* redeem(two, codes.second), 200)
        assert.strictEqual(yield* redeem(two, codes.again), 200)
        assert.deepStrictEqual(complaints(), [])
      }).pipe(Effect.scoped, Effect.provide(server())),
    SLOW
  )

  it.live(
    "UI9 without JavaScript somebody signs in, allows an app, and disconnects it",
    () =>
      Effect.gen(function* () {
        const chromium = yield* browser
        const { page: owner } = yield* open(chromium)
        const { page } = yield* open(chromium, { javaScriptEnabled: false })
        const { baseUrl } = yield* TestApp
        yield* comeIn(owner, (yield* somebody("Ada")).id)
        const app = yield* authorizing()
        const code = yield* Effect.promise(async () => {
          await owner.goto(`${baseUrl}/account/password`)
          await fill(owner, { "New password": PASSWORD })
          await press(owner, "Save")
          await owner.getByRole("link", { name: "Change it" }).waitFor()
          await page.goto(app.url)
          await logIn(page, "not her password")
          await page.getByRole("alert").filter({ hasText: "do not fit together" }).waitFor()
          // What she typed is there still, and where she was going is not forgotten.
          await fill(page, { Password: PASSWORD })
          await press(page, "Sign in")
          await page.getByRole("heading", { name: "Connect Demo client?" }).waitFor()
          return (await app.callback(page, () => press(page, "Allow"))).get("code") ?? ""
        })
        const { body } = yield* exchange({ code, verifier: app.verifier }, { redirect_uri: app.redirect_uri })
        assert.strictEqual((yield* call(body.access_token)).status, 200)
        yield* Effect.promise(async () => {
          await page.goto(`${baseUrl}/account/apps`)
          await page.locator("summary", { hasText: "Disconnect" }).click()
          await press(page, "Disconnect")
          await page.getByText("No app is connected").waitFor()
        })
        assert.strictEqual((yield* call(body.access_token)).status, 401)
      }).pipe(Effect.scoped, Effect.provide(server())),
    SLOW
  )

  it.live(
    "signed out in one tab, nothing is left in the others: no page comes back, and no app is let in",
    () =>
      Effect.gen(function* () {
        const { page } = yield* open(yield* browser)
        const { baseUrl, sql } = yield* TestApp
        const [ada, bob] = [yield* somebody("Ada"), yield* somebody("Bob", "member")]
        yield* comeIn(page, ada.id)
        const app = yield* authorizing()
        const [consent, second] = yield* Effect.promise(async () => {
          const tabs = [await page.context().newPage(), await page.context().newPage()] as const
          for (const tab of tabs) await tab.goto(app.url)
          await page.goto(`${baseUrl}/account`)
          await press(page, "Sign out")
          await page.getByRole("link", { name: "Sign in" }).waitFor()
          await page.goBack()
          await page.waitForURL(/\/login\?return_to=/)
          await press(tabs[0], "Allow")
          await tabs[0].getByRole("heading", { name: "Not signed in" }).waitFor()
          return tabs
        })
        // Somebody else signs in with the same browser: what was asked of Ada is not theirs to answer.
        yield* comeIn(page, bob.id)
        yield* Effect.promise(async () => {
          await press(second, "Allow")
          await second.getByRole("heading", { name: "Not your request" }).waitFor()
          await consent.goto(app.url)
          await consent.getByText("bob@people.example").waitFor()
        })
        const [{ codes }] = yield* sql<{ codes: number }>`
          select count(*)::int as codes from mcp.oauth_authorization_codes`.pipe(
          Effect.orDie,
          Effect.map(([row]) => [row ?? { codes: -1 }] as const)
        )
        assert.strictEqual(codes, 0)
      }).pipe(Effect.scoped, Effect.provide(server())),
    SLOW
  )
})
