/** `npm run licences`: what runs, and under which licence; one that nobody has looked at ends it with 1. */

import { readFileSync } from "node:fs"
import { join } from "node:path"

interface Package {
  readonly version: string
  readonly license?: string
  readonly dev?: true
  readonly resolved?: string
  readonly integrity?: string
  readonly hasInstallScript?: true
}

/** They ask for their notice to be kept, and for nothing else. */
export const KNOWN: ReadonlySet<string> = new Set(["MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0"])

// npm wrote it.
const lock: { readonly lockfileVersion: number; readonly packages: Readonly<Record<string, Package>> } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../package-lock.json"), "utf8")
)

/** All that is installed, by its place below the project, which itself is not among them. */
export const installed: ReadonlyArray<readonly [place: string, entry: Package]> = Object.entries(lock.packages).filter(
  ([place]) => place !== ""
)
/** What comes along where the package is installed. */
export const running = installed.filter(([, { dev }]) => dev === undefined)
export const unknown = running.filter(([, { license = "none" }]) => !KNOWN.has(license))

if (import.meta.main) {
  for (const [place, { version, license }] of running) {
    console.log(`${place.replace(/^.*node_modules\//, "")} ${version}: ${license ?? "none"}`)
  }
  for (const [place, { license }] of unknown) console.error(`${place} is under ${license ?? "no licence"}`)
  process.exitCode = unknown.length === 0 ? 0 : 1
}
