/** Secrets that stand in the open in an entry, and the variables that could stand there in their place. */

import { isRecord } from "../../toolsets/jsonSchema.ts"

/** What only a key begins with, whoever holds it. */
const KEYS =
  /\b(sk-[\w-]{16,}|sk_[\w-]{16,}|gh[opsu]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|AKIA[A-Z0-9]{12,}|AIza[\w-]{20,}|napi_\w{16,}|e2b_\w{16,}|eyJ[\w-]{10,}\.[\w-]{10,}\.?[\w-]*)/
const SAYS_SO = /key|token|secret|passw|credential|authorization|cookie|\bpat\b|_pat$/i
/** What stands before a key in a header. */
const SCHEME = /^(bearer|basic|token|apikey) +/i

/** Whether a value is a key rather than a setting: by how keys begin, or by what it is called. */
export const isSecret = (name: string, value: string): boolean => {
  if (value.includes("${")) return false
  const bare = value.replace(SCHEME, "")
  return KEYS.test(value) || (SAYS_SO.test(name) && bare.length >= 8 && !/^(https?:|\.{0,2}\/)/.test(bare))
}

/** A name for `.env`, of letters that an environment takes. */
export const variableName = (...words: ReadonlyArray<string>): string =>
  words
    .join("_")
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/[^a-zA-Z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .toUpperCase()
    .replace(/^(?=\d|$)/, "V")

/** A secret as it stands in an entry. */
export interface Found {
  /** Where: `env.TOKEN`, `args[2]`. */
  readonly at: string
  /** The variable that could stand there. */
  readonly variable: string
  readonly value: string
}

export interface Names {
  /** Variables of this server's own, which are not handed on. */
  readonly isOurs: (variable: string) => boolean
  /** Variables that have another value already. */
  readonly isTaken: (variable: string, value: string) => boolean
}

/** The secrets of an entry, and the entry with variables in their place. */
export const withoutSecrets = (
  server: string,
  entry: Readonly<Record<string, unknown>>,
  { isOurs, isTaken }: Names
): { readonly found: ReadonlyArray<Found>; readonly entry: Readonly<Record<string, unknown>> } => {
  const found: Array<Found> = []
  const isFree = (name: string, value: string) =>
    !isTaken(name, value) && found.every((one) => one.variable !== name || one.value === value)
  const put = (at: string, wanted: string, value: string) => {
    const plain = isOurs(wanted) ? variableName("MCP", wanted) : wanted
    const variable = isFree(plain, value) ? plain : variableName("MCP", server, wanted)
    found.push({ at, variable, value })
    return `\${${variable}}`
  }
  const ofValues = (part: string, nameOf: (name: string) => string) =>
    isRecord(entry[part])
      ? {
          [part]: Object.fromEntries(
            Object.entries(entry[part]).map(([name, value]) => {
              if (typeof value !== "string" || !isSecret(name, value)) return [name, value]
              const scheme = SCHEME.exec(value)?.[0] ?? ""
              return [name, scheme + put(`${part}.${name}`, nameOf(name), value.slice(scheme.length))]
            })
          )
        }
      : {}
  // In an address a secret is in logs before long.
  const ofUrl = () => {
    const { url } = entry
    if (typeof url !== "string" || !URL.canParse(url)) return {}
    const secrets = [...new URL(url).searchParams].filter(
      ([name, value]) => isSecret(name, value) && url.includes(value)
    )
    return {
      url: secrets.reduce(
        (so, [name, value]) => so.replace(value, () => put("url", variableName(server, name), value)),
        url
      )
    }
  }
  const args = Array.isArray(entry.args)
    ? {
        args: entry.args.map((arg: unknown, index) => {
          const [key = ""] = (typeof arg === "string" && KEYS.exec(arg)) || []
          if (typeof arg !== "string" || key === "") return arg
          return arg.replace(key, () => put(`args[${index}]`, variableName(server, "key"), key))
        })
      }
    : {}
  return {
    entry: {
      ...entry,
      ...args,
      ...ofUrl(),
      ...ofValues("env", (name) => variableName(name)),
      ...ofValues("headers", (name) => variableName(server, name))
    },
    found
  }
}
