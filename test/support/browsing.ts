/** What people do at a real browser, in their words: they press, fill in, sign in, and are sent here by apps. */

import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, Layer, Redacted } from "effect"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { People } from "../../src/people/People.ts"
import { TestApp, testApp } from "./app.ts"
import { authorizeParameters, newPkce, rpc } from "./client.ts"
import { browserOf } from "./people.ts"
import { TestDatabase } from "./postgres.ts"

/** A browser on a busy machine. */
export const SLOW = { timeout: 180_000 }
export const PASSWORD = "correct horse battery"

export const server = (variables: Readonly<Record<string, string>> = {}) =>
  Layer.fresh(testApp(TestDatabase.quick, variables))

export const setupUrl = Effect.gen(function* () {
  const { baseUrl } = yield* TestApp
  const code = yield* (yield* People).setupLink
  return `${baseUrl}/setup#${code === undefined ? "" : Redacted.value(code)}`
})

/** A page of somebody's browser, and whatever its console has to complain of. */
export const open = Effect.fn("open")(function* (chromium: Browser, look: BrowserContextOptions = {}) {
  const context = yield* Effect.promise(() => chromium.newContext(look))
  yield* Effect.addFinalizer(() => Effect.promise(() => context.close()))
  // How long a press takes is the machine's affair.
  context.setDefaultTimeout(120_000)
  const page = yield* Effect.promise(() => context.newPage())
  const complaints: Array<string> = []
  page.on("console", (message) => complaints.push(message.text()))
  page.on("pageerror", (error) => complaints.push(String(error)))
  return { page, complaints: () => complaints.filter((complaint) => !/status of 4\d\d|ERR_/.test(complaint)) }
})

export const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click()

export const fill = async (page: Page, fields: Readonly<Record<string, string>>) => {
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value)
}

export const introduce = async (page: Page, name: string, email?: string) => {
  await fill(page, { "Your name": name, ...(email === undefined ? {} : { "E-mail": email }) })
  await press(page, "Continue")
}

export const logIn = async (page: Page, password = PASSWORD) => {
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
export const authorizing = Effect.fn("authorizing")(function* (over: Readonly<Record<string, string>> = {}) {
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

/** What an app does with its token, and what it is answered: "42" where it is let in. */
export const call = (token: string) =>
  rpc(token, "tools/call", { name: "calculator", arguments: { expression: "6*7" } })

/** Signs a browser in as somebody who is here already. */
export const comeIn = Effect.fn("comeIn")(function* (page: Page, personId: string) {
  const { baseUrl } = yield* TestApp
  const { cookie } = yield* browserOf(personId)
  const [name = "", value = ""] = cookie.split("=")
  yield* Effect.promise(() => page.context().addCookies([{ name, value, url: baseUrl }]))
})
