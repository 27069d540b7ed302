/**
 * The lock that travels in the package, since `overrides` do not: what we were tested with is what is installed. Of
 * package-lock.json it has what runs.
 */

import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const ROOT = join(import.meta.dirname, "..")

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: true; readonly devDependencies?: unknown }>>
}

// npm wrote it.
const lock: Lock = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"))
const packages = Object.entries(lock.packages).flatMap(([path, { devDependencies: _, ...entry }]) =>
  entry.dev ? [] : [[path, entry] as const]
)
writeFileSync(
  join(ROOT, "npm-shrinkwrap.json"),
  `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, undefined, 2)}\n`
)
