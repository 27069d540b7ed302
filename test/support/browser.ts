/** A real browser, where the machine has one: CHROMIUM_PATH, or where Linux distributions put it. */

import { existsSync } from "node:fs"
import { Effect } from "effect"
import { chromium } from "playwright-core"

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]

export const executablePath = [process.env.CHROMIUM_PATH, ...PLACES].find((path) => path && existsSync(path))

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-dev-shm-usage",
  // Wherever a page leads, nothing leaves this computer.
  "--no-proxy-server",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1"
]

/** Headless, closed with the scope. */
export const browser = Effect.acquireRelease(
  Effect.promise(() => chromium.launch({ executablePath: executablePath ?? "", args: ARGUMENTS })),
  (browser) => Effect.promise(() => browser.close())
)
