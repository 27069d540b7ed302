/** Pages in a real browser: who looks at them, with what device, and whether anybody would be kept out. */

import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import type { AxeResults } from "axe-core"
import type { Page } from "playwright-core"

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** What axe has to say of a page. The policy keeps no script of the developer tools out. */
export const audit = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.evaluate(AXE)
  const { violations }: AxeResults = await page.evaluate("axe.run()")
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)
}

/** A device with a fingerprint reader, for the whole of a page's life. */
export const addAuthenticator = async (page: Page) => {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send("WebAuthn.enable")
  await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true
    }
  })
}
