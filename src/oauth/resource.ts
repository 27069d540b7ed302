/**
 * What the protected resource is called (RFC 8707 §2, RFC 9728 §3.3). It has one name, and a client may know it by others:
 * with a trailing slash, or by another name of the machine that a local server runs on. A client compares what the metadata
 * says with the address that it was given, so each name has metadata of its own. A token is for the one resource.
 */

import type { ServerConfigShape } from "../config/ServerConfig.ts"
import { LOOPBACK } from "../config/values.ts"

type Names = Pick<ServerConfigShape, "issuer" | "isLocal" | "port">

/** A request as far as it tells by which name it came. */
interface Addressed {
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** The origins that are this server: the issuer's, and on the own machine every name of it with the issuer's port. */
const originsOf = ({ issuer, isLocal }: Names): ReadonlyArray<string> => {
  if (!isLocal) return [issuer]
  const { protocol, port } = new URL(issuer)
  const hosts = LOOPBACK.map((name) => (port === "" ? name : `${name}:${port}`))
  return [...new Set([issuer, ...hosts.map((host) => `${protocol}//${host}`)])]
}

/** Every name of the resource, the one that counts first. */
export const resourceNames = (config: Names): ReadonlyArray<string> =>
  originsOf(config).flatMap((origin) => [`${origin}/mcp`, `${origin}/mcp/`])

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "http:": ":80", "https:": ":443" }

/**
 * A URI with its scheme and host in lower case and without the port that its scheme implies (RFC 3986 §6.2.2.1, §6.2.3).
 * Nothing else is alike that is not written alike.
 */
const normalized = (uri: string): string => {
  const [, scheme = "", authority = "", rest = ""] = /^([a-z]+:)\/\/([^/?#]*)(.*)$/i.exec(uri) ?? []
  const [protocol, host] = [scheme.toLowerCase(), authority.toLowerCase()]
  const port = DEFAULT_PORTS[protocol]
  return `${protocol}//${port !== undefined && host.endsWith(port) ? host.slice(0, -port.length) : host}${rest}`
}

/** Whether a client means this resource. Its origin alone means it too: there is but one here. */
export const isResource = (config: Names, named: string): boolean => {
  const name = normalized(named).replace(/\/$/, "")
  return originsOf(config).some((origin) => name === origin || name === `${origin}/mcp`)
}

/**
 * The name by which a request knows the resource; nothing when it came to the own machine at a port that nobody told us
 * of, where every address that we could tell would be a wrong one. The header only chooses among our own names.
 */
export const resourceFor = (config: Names, { url, headers: { host } }: Addressed): string | undefined => {
  const [path = ""] = url.split("?", 1)
  const suffix = path.endsWith("/mcp/") ? "/mcp/" : "/mcp"
  const issuer = new URL(config.issuer)
  const given = URL.parse(`${issuer.protocol}//${host}`)
  if (!config.isLocal || given === null || !LOOPBACK.includes(given.hostname)) return config.issuer + suffix
  if (given.port === issuer.port) return given.origin + suffix
  // A proxy in front may put the name of its upstream there.
  return given.port === String(config.port) ? config.issuer + suffix : undefined
}

/** Where the metadata of a resource is (RFC 9728 §3.1). */
export const metadataOf = (resource: string): string => {
  const { origin, pathname } = new URL(resource)
  return `${origin}/.well-known/oauth-protected-resource${pathname}`
}
