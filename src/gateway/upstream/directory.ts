/** A child's own directory, and what it may know of the environment. */

import { createHash } from "node:crypto"
import { join, resolve } from "node:path"
import { Effect, FileSystem, Redacted } from "effect"
import { forChildren } from "../../config/environment.ts"
import { DIRECTORY, type Mount, type Stdio } from "../mount.ts"

export interface Surroundings {
  /** Where directories that are kept stand. */
  readonly dataDir: string
  /** The environment of this process; few variables of it are passed on. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Made with the session and removed with it, or kept for the next session of the same key. */
export const ownDirectory = (mount: Mount, key: string, { dataDir }: Surroundings) =>
  FileSystem.FileSystem.use((fs) => {
    if (!mount.keep) return fs.makeTempDirectoryScoped({ prefix: "gatehouse-" })
    const digest = createHash("sha256").update(key).digest("hex").slice(0, 32)
    const path = join(resolve(dataDir), "servers", mount.name, digest)
    return Effect.as(fs.makeDirectory(path, { recursive: true, mode: 0o700 }), path)
  })

/** What a child is started with, its own directory filled in where the entry names it. */
export const commandOf = ({ command, args, env, cwd }: Stdio, directory: string, { environment }: Surroundings) => {
  const fill = (text: string) => text.replaceAll(DIRECTORY, directory)
  const variables: Record<string, Redacted.Redacted | string> = { ...forChildren(environment), TMPDIR: directory }
  for (const [name, value] of Object.entries(env)) variables[name] = Redacted.make(fill(Redacted.value(value)))
  return { command, args: args.map(fill), env: variables, cwd: cwd === undefined ? directory : fill(cwd) }
}
