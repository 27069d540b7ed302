/** `${NAME}` in a file: from the environment, and never one of this server's own, which would hand its secrets on. */

import { DIRECTORY } from "../mount.ts"

/** What an entry may read, and which names are this server's own. */
export interface Variables {
  readonly lookUp: (name: string) => string | undefined
  readonly isOurs: (name: string) => boolean
}

const REFERENCE = /\$(\$?)\{([^{}]*)\}/g
/** A name, as VS Code may write it, and what stands in for it. */
const NAMED = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s

/** The text with its variables, or what is wrong with them. */
export const expanded = (
  text: string,
  { lookUp, isOurs }: Variables
): { readonly text: string; readonly problems: ReadonlyArray<string> } => {
  const problems: Array<string> = []
  const put = (whole: string, dollar: string, inside: string) => {
    // `$${NAME}` is how `${NAME}` itself is written.
    if (dollar !== "") return whole.slice(1)
    if (whole === DIRECTORY) return whole
    if (inside.startsWith("input:")) {
      problems.push(`${whole} is VS Code's: write a variable, and set it in .env`)
      return ""
    }
    const [, name, otherwise] = NAMED.exec(inside) ?? []
    if (name === undefined) {
      problems.push(`${whole} is no variable; $${whole} is how it is written where it is none`)
      return ""
    }
    if (isOurs(name)) {
      problems.push(`${name} is this server's own, and is not handed on`)
      return ""
    }
    const value = lookUp(name) || otherwise
    if (value === undefined) problems.push(`${name} is not set`)
    return value ?? ""
  }
  return { text: text.replace(REFERENCE, put), problems }
}
