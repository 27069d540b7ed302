/** What a mount writes and says, without the secrets that its entry gave it. */

import { Redacted } from "effect"
import { oneLine, visible } from "../../toolsets/untrusted.ts"
import type { Mount } from "../mount.ts"

/** Shorter values are words that stand everywhere, and no secrets. */
const SHORTEST = 4
const BLOT = "***"

const valuesOf = ({ transport, signIn }: Mount): ReadonlyArray<Redacted.Redacted> => [
  ...Object.values(transport._tag === "Stdio" ? transport.env : transport.headers),
  ...(signIn.clientSecret === undefined ? [] : [signIn.clientSecret])
]

/** A value as it may be written: in full, its words alone (`Bearer x`), and as part of an address or of JSON. */
const spellings = (value: string): ReadonlyArray<string> =>
  [value, ...value.split(/\s+/)].flatMap((part) => [
    part,
    encodeURIComponent(part.toWellFormed()),
    JSON.stringify(part).slice(1, -1)
  ])

/** Text of a mount without what its entry keeps secret. */
export const blotOf = (mount: Mount): ((text: string) => string) => {
  const secrets = [...new Set(valuesOf(mount).map(Redacted.value).flatMap(spellings))]
    .filter((secret) => secret.length >= SHORTEST)
    // What contains another goes first, so that no rest of it stays.
    .sort((one, other) => other.length - one.length)
  return (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, BLOT), text)
}

/** One line that people and logs may have. */
export const cleanLine = (text: string, length: number): string => oneLine(visible(text), length)
