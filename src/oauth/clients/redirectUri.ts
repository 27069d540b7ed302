/** Which redirect URIs may be registered, and when a requested one matches (OAuth 2.1 §2.3.1, RFC 8252 §7.3). */

const LOOPBACK = new Set(["127.0.0.1", "[::1]", "localhost"])
const RESPONSE_PARAMETERS = ["code", "state", "iss", "error", "error_description", "error_uri"]
// Checked before parsing: the URL parser would quietly strip or encode these.
const UNSAFE = /[^\x21-\x7e]|[\\*]/

/**
 * Why a URI may not be registered, or `undefined` when it may: https, http on a loopback address, or one of the private-use
 * `schemes` (RFC 8252 §7).
 */
export const refusal = (uri: string, schemes: ReadonlyArray<string>): string | undefined => {
  if (uri.length > 2048) return "is longer than 2048 characters"
  if (UNSAFE.test(uri)) return "holds a space, a control character, a backslash, a wildcard or a non-ASCII character"
  if (!URL.canParse(uri)) return "is not an absolute URI"
  const url = new URL(uri)
  if (uri.includes("#")) return "has a fragment"
  if (url.username !== "" || url.password !== "") return "holds credentials"
  const reserved = RESPONSE_PARAMETERS.find((name) => url.searchParams.has(name))
  if (reserved !== undefined) return `has a query parameter ${reserved}, which only the answer may carry`
  if (url.protocol === "https:") return undefined
  if (url.protocol === "http:" && LOOPBACK.has(url.hostname)) return undefined
  if (schemes.includes(url.protocol.slice(0, -1))) return undefined
  return "is neither https, nor http on a loopback address, nor of an allowed private-use scheme"
}

/**
 * Whether a requested URI is the registered one: equal byte for byte, except that the port of an `http` loopback URI
 * is free, because native clients listen on whichever port they get. `localhost` is given the same freedom, since
 * clients in the field register it so.
 */
export const matches = (registered: string, requested: string): boolean => {
  if (registered === requested) return true
  const [ours, theirs] = [loopback(registered), loopback(requested)]
  return ours !== undefined && ours === theirs
}

// The URI without its port, by cutting the text: the path and query must stay as they were written.
const loopback = (uri: string): string | undefined => {
  const match = /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(:\d{1,5})?([/?].*)?$/.exec(uri)
  if (match === null || Number(match[2]?.slice(1) ?? 80) > 65_535 || UNSAFE.test(uri) || uri.includes("#")) return
  return `${match[1]} ${match[3] ?? ""}`
}

/**
 * The URI with the parameters of the answer appended (RFC 6749 §4.1.2). Its own text stays untouched; `refusal` has
 * seen to it that no parameter can be there twice.
 */
export const withParameters = (uri: string, parameters: Readonly<Record<string, string | undefined>>): string => {
  const query = Object.entries(parameters)
    .filter((entry) => entry[1] !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(value ?? "")}`)
    .join("&")
  if (query === "") return uri
  return `${uri}${uri.includes("?") ? "&" : "?"}${query}`
}

/** What the consent page names: the host where the code will go, or the scheme whose app will get it. */
export const hostOf = (uri: string): string => {
  const url = new URL(uri)
  return isWeb(url) ? url.host : `${url.protocol}//${url.host}`
}

const isWeb = (url: URL) => url.protocol === "https:" || url.protocol === "http:"

/** Whether the answer goes to a program on the person's own machine, which nobody can vouch for. */
export const isLocal = (uri: string): boolean => loopback(uri) !== undefined || !isWeb(new URL(uri))
