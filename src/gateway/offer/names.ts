/**
 * What a mount's tools and prompts are called here: `<server>__<tool>`. A table leads back, since a name that is taken apart again may
 * come apart in the wrong place.
 */

import { createHash } from "node:crypto"

/** What all hosts take (SEP-986, and OpenAI's and Anthropic's own limits). */
const LONGEST = 64
const DIGEST = 6

/** Tells apart what is cut, or spelled anew, in the same way. */
const digest = (text: string) =>
  createHash("sha256").update(Buffer.from(text, "utf16le")).digest("hex").slice(0, DIGEST)

/** A name that all clients take, the same each time: one that is long or odd ends with a digest of itself. */
export const nameAt = (server: string, name: string): string => {
  const whole = `${server}__${name}`
  if (whole.length <= LONGEST && /^[a-zA-Z0-9_-]+$/.test(whole)) return whole
  const plain = whole.replace(/[^a-zA-Z0-9_-]+/g, "_").slice(0, LONGEST - DIGEST - 1)
  return `${plain}_${digest(whole)}`
}

export interface Named<A> {
  readonly name: string
  readonly of: A
}

interface Wanting {
  readonly server: string
  readonly name: string
  readonly alias: string | undefined
}

/**
 * Names for all that mounts offer. What is `taken` here already keeps its name, aliases come before names that are put together,
 * and whoever comes second gets no name that the first has: it is told as `unnamed`.
 */
export const namesOf = <A extends Wanting>(
  wanting: ReadonlyArray<A>,
  taken: Iterable<string>
): { readonly named: ReadonlyArray<Named<A>>; readonly unnamed: ReadonlyArray<A> } => {
  const used = new Set(taken)
  const names = new Map<A, string>()
  const take = (one: A, name: string) => {
    if (used.has(name)) return
    used.add(name)
    names.set(one, name)
  }
  for (const one of wanting) if (one.alias !== undefined) take(one, one.alias)
  for (const one of wanting) if (!names.has(one)) take(one, nameAt(one.server, one.name))
  return {
    named: wanting.flatMap((of) => {
      const name = names.get(of)
      return name === undefined ? [] : [{ name, of }]
    }),
    unnamed: wanting.filter((one) => !names.has(one))
  }
}
