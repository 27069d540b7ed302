import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestApp, testApp } from "../support/app.ts"
import { browser, executablePath } from "../support/browser.ts"
import { identityProvider, providerVariables } from "../support/identityProvider.ts"
import { somebody } from "../support/people.ts"
import { TestDatabase } from "../support/postgres.ts"

describe.skipIf(executablePath === undefined)("a person at a real browser", () => {
  for (const javaScriptEnabled of [true, false]) {
    it.live(
      `signs in through a certified provider and links another account there, ${javaScriptEnabled ? "with" : "without"} JavaScript`,
      () =>
        Effect.gen(function* () {
          const corp = yield* identityProvider()
          const variables = {
            OIDC_PROVIDERS: "corp",
            ...providerVariables("corp", corp.issuer, { ADMIT: "domain:corp.example", LABEL: "Corp" })
          }
          yield* Effect.gen(function* () {
            const { baseUrl } = yield* TestApp
            yield* somebody("Ada")
            const chromium = yield* browser
            const page = yield* Effect.promise(() => chromium.newPage({ javaScriptEnabled }))
            const shoot = async (name: string) => {
              const folder = process.env.SCREENSHOTS
              if (folder) await page.screenshot({ path: `${folder}/upstream-${name}.png`, fullPage: true })
            }
            corp.state.person = { sub: "c1", email: "carl@corp.example", email_verified: true, name: "Carl" }
            yield* Effect.promise(async () => {
              await page.goto(`${baseUrl}/account`)
              await shoot("login")
              await page.getByRole("link", { name: "Sign in with Corp" }).click()
              await page.waitForURL(`${baseUrl}/account`)
              assert.include(await page.textContent("main"), "carl@corp.example")
            })
            yield* Effect.promise(async () => {
              await page.getByRole("button", { name: "Link Corp" }).click()
              // The provider knows them still, and so do we.
              await page.waitForURL(/callback/)
              await shoot("linked-already")
              assert.include(await page.textContent("h1"), "Linked already")
              await page.getByRole("link", { name: "Your account" }).click()
              await page.waitForURL(`${baseUrl}/account`)
              await shoot("account")
              await page.getByRole("button", { name: "Unlink" }).click()
              await page.waitForURL(/unlink/)
              assert.include(await page.textContent("main"), "only way in")
              await shoot("last")
            })
          }).pipe(Effect.provide(Layer.fresh(testApp(TestDatabase.quick, variables))))
        }).pipe(Effect.scoped)
    )
  }
})
