/** What a platform says in its own way: secrets as files, and the address at which it has put us. */

import { readFileSync } from "node:fs"
import { Result } from "effect"
import { isSecret } from "./environment.ts"

type Variables = Readonly<Record<string, string>>

/** The secret that a variable names a file of, as Docker, Kubernetes and systemd hand them in: `SEALING_KEY_FILE`. */
const secretOfFile = (variable: string): string | undefined => {
  const [, name = ""] = /^(\w+)_FILE$/.exec(variable) ?? []
  return isSecret(name) ? name : undefined
}

/** What stands in files in the place of the variables that name them, and what is wrong with those. */
export const withFiles = (given: Variables) => {
  const variables: Record<string, string> = {}
  const problems: Array<string> = []
  for (const [variable, path] of Object.entries(given)) {
    const name = secretOfFile(variable)
    if (name === undefined) {
      variables[variable] = path
      continue
    }
    const text = Result.try(() => readFileSync(path, "utf8").trim())
    if (given[name] !== undefined) problems.push(`${variable} must not be set beside ${name}`)
    else if (Result.isFailure(text)) problems.push(`${variable} must name a file that this user may read`)
    else if (text.success === "") problems.push(`${variable} names a file that is empty`)
    else variables[name] = text.success
  }
  return { variables, problems }
}

/** Where the platforms say that we are, each in a variable of its own; `BASE_URL` goes before all. */
export const addressOf = ({ RENDER_EXTERNAL_URL, RAILWAY_PUBLIC_DOMAIN, FLY_APP_NAME }: Variables) => {
  if (RENDER_EXTERNAL_URL !== undefined) return RENDER_EXTERNAL_URL
  if (RAILWAY_PUBLIC_DOMAIN !== undefined) return `https://${RAILWAY_PUBLIC_DOMAIN}`
  return FLY_APP_NAME === undefined ? undefined : `https://${FLY_APP_NAME}.fly.dev`
}
