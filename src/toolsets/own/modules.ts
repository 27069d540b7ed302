/** How modules of others find us, and how they are loaded anew. */

import { registerHooks } from "node:module"
import { extname } from "node:path"

/** The package, by the name that tools import. */
export const PACKAGE = "gatehouse-server"

const ours = (name: string) => new URL(`../../${name}${extname(import.meta.url)}`, import.meta.url).href
const NAMES: ReadonlyMap<string, string> = new Map([
  [PACKAGE, ours("index")],
  [`${PACKAGE}/testing`, ours("testing")]
])

/** The query that makes a module another one than the one before its change. */
const VERSION = "gatehouse"
const versionOf = (url: string | undefined) =>
  url !== undefined && URL.canParse(url) ? new URL(url).searchParams.get(VERSION) : null

export const versioned = (url: string, version: number): string =>
  version === 0 ? url : `${url}?${VERSION}=${version}`

let isRegistered = false

/**
 * Whatever imports the package gets this very copy of it, wherever it lies: what it declares is known here. What a reloaded
 * module imports from its own project is loaded anew with it; packages are not.
 */
export const resolveOurselves = (): void => {
  if (isRegistered) return
  isRegistered = true
  registerHooks({
    resolve: (specifier, context, next) => {
      const own = NAMES.get(specifier)
      if (own !== undefined) return { url: own, shortCircuit: true }
      const resolved = next(specifier, context)
      const version = versionOf(context.parentURL)
      return version !== null && resolved.url.startsWith("file:") && !resolved.url.includes("/node_modules/")
        ? { ...resolved, url: `${resolved.url.split("?")[0]}?${VERSION}=${version}` }
        : resolved
    }
  })
}
