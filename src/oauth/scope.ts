/** Scopes: which there are, how a request is read, and how it is narrowed (RFC 6749 §3.3). */

import { Context, Effect } from "effect"
import { InvalidScope } from "./errors.ts"

/** A scope, declared by what needs it. */
export interface Scope {
  /** RFC 6749 §3.3: its token on the wire. */
  readonly name: string
  /** The sentence that the consent page shows for it. */
  readonly sentence: string
}

/** Needed to call any tool on `/mcp`. */
export const TOOLS_CALL: Scope = {
  name: "mcp.tools.call",
  sentence: "Use this server's tools on your behalf and read their results."
}
/** OpenID Connect Core §11; here it only says aloud what the refresh token of a registered client does. */
export const OFFLINE_ACCESS: Scope = {
  name: "offline_access",
  sentence: "Stay connected when you are away, until you disconnect it."
}

/** OpenID Connect Core §3.1.2.1. */
export const OPENID: Scope = { name: "openid", sentence: "Know that it is you, by a number that stays the same." }
/** OpenID Connect Core §5.4. */
export const PROFILE: Scope = { name: "profile", sentence: "Know your name." }
/** OpenID Connect Core §5.4. */
export const EMAIL: Scope = { name: "email", sentence: "Know your e-mail address." }
const OF_PEOPLE = [OPENID, PROFILE, EMAIL]

/** What no tool needs: whoever wants it asks for it by name. */
const NOT_OF_TOOLS = new Set([...OF_PEOPLE, OFFLINE_ACCESS].map(({ name }) => name))

/** Every scope of a server by its name, in the order in which they are listed. */
export type Catalogue = ReadonlyMap<string, Scope>

/** The catalogue of a server whose tools declare these. */
export const catalogueOf = (declared: ReadonlyArray<Scope>): Catalogue =>
  new Map([TOOLS_CALL, ...declared, ...OF_PEOPLE, OFFLINE_ACCESS].map((scope) => [scope.name, scope]))

/**
 * What the first challenge asks for, and what a client gets that asks for nothing in particular: all that the listed tools
 * need. Most clients never ask a second time, so what is not offered here is a tool that they can never call.
 */
export const defaultScopes = (catalogue: Catalogue): ReadonlyArray<string> =>
  [...catalogue.keys()].filter((scope) => !NOT_OF_TOOLS.has(scope))

/** The catalogue as it is now: tools may come and go while the server runs, and their scopes with them. */
export class ScopeCatalogue extends Context.Service<ScopeCatalogue, { readonly current: () => Catalogue }>()(
  "gatehouse/oauth/ScopeCatalogue"
) {}

// RFC 6749 appendix A.4; one blank too many is forgiven, since clients in the field send it.
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e ]*$/

/** Splits a scope string into distinct tokens, in their order. */
export const parse = (scope: string): Effect.Effect<ReadonlyArray<string>, InvalidScope> =>
  SCOPE.test(scope)
    ? Effect.succeed([...new Set(scope.split(" ").filter((token) => token !== ""))])
    : Effect.fail(new InvalidScope({ description: "scope holds a character that is not allowed" }))

/**
 * The scopes that a request names. Unknown ones are dropped, since clients ask every server for what they know from others
 * (`openid`, `email`); naming no known one is naming none.
 */
const named = Effect.fnUntraced(function* (catalogue: Catalogue, scope: string) {
  const tokens = yield* parse(scope)
  const known = tokens.filter((token) => catalogue.has(token))
  // A comma may be part of a scope, so one that stands between two has made them one that nobody knows.
  if (known.length < tokens.length && tokens.some((token) => token.includes(",") && !catalogue.has(token))) {
    return yield* new InvalidScope({ description: "scopes are separated by spaces, not by commas" })
  }
  return known.length === 0 ? undefined : known
})

/**
 * What is granted of a request (RFC 6749 §3.3): the known scopes that it names, the default if it names none. A client that
 * names our resource (RFC 8707) means to use it, whatever else it asks for: some ask every server for `openid email` alone.
 */
export const requested = Effect.fnUntraced(function* (catalogue: Catalogue, scope = "", forResource = false) {
  const known = yield* named(catalogue, scope)
  if (known === undefined) return defaultScopes(catalogue)
  return forResource && known.every((token) => NOT_OF_TOOLS.has(token))
    ? [...defaultScopes(catalogue), ...known]
    : known
})

/** The scopes that a refresh asks for. It asks for all of the grant by naming none (RFC 6749 §6). */
export const asked = (
  catalogue: Catalogue,
  scope: string | undefined
): Effect.Effect<ReadonlyArray<string> | undefined, InvalidScope> =>
  scope === undefined ? Effect.undefined : named(catalogue, scope)

/** What a refresh gets: all of the grant, or a part of it, never more (RFC 6749 §6); nothing if it asks for more. */
export const narrowed = (
  granted: ReadonlyArray<string>,
  asked: ReadonlyArray<string> | undefined
): ReadonlyArray<string> | undefined => {
  if (asked === undefined) return granted
  return asked.length > 0 && asked.every((token) => granted.includes(token)) ? asked : undefined
}

/** RFC 6749 §3.3: the wire form. */
export const format = (scopes: ReadonlyArray<string>): string => scopes.join(" ")
