/** A real browser, where the machine has one: CHROMIUM_PATH, or where Linux distributions put it. */

import { existsSync } from "node:fs"
import { Effect } from "effect"
import { chromium } from "playwright-core"

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]

export const executablePath = [process.env.CHROMIUM_PATH, ...PLACES].find((path) => path && existsSync(path))

/** Headless, closed with the scope. */
export const browser = Effect.acquireRelease(
  Effect.promise(() =>
    chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox", "--disable-dev-shm-usage"] })
  ),
  (browser) => Effect.promise(() => browser.close())
)
