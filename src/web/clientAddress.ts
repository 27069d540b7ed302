/** Whose request this is: the socket's address, or what trusted proxies say (RFC 9700 §4.13). */

import { Effect, Option, Result } from "effect"
import { HttpServerRequest } from "effect/http"
import { IpNetwork, NetAddress } from "effect/net"
import type { TrustedProxies } from "../config/parts.ts"
import { ServerConfig } from "../config/ServerConfig.ts"

/** An address, also with the port or the zone that some proxies write beside it; an IPv4-mapped one is its IPv4. */
const parse = (text: string) =>
  Option.map(
    Result.getSuccess(
      NetAddress.ipFromString(text.replace(/^\[(.+)\](:\d+)?$|^([\d.]+):\d+$/, "$1$3").replace(/%.*$/, ""))
    ),
    (ip) => NetAddress.toCanonical(ip)
  )

const isTrusted = (networks: ReadonlyArray<IpNetwork.IpNetwork>, address: string) =>
  Option.exists(parse(address), (ip) => networks.some((network) => IpNetwork.contains(network, ip)))

/**
 * Walks `X-Forwarded-For` from the right, past the proxies that are trusted, and stops at the first address that is
 * not. What stands further left was written by the caller and means nothing.
 */
export const clientAddress = (proxies: TrustedProxies, request: HttpServerRequest.HttpServerRequest): string => {
  const socket = Option.getOrElse(request.remoteAddress, () => "unknown")
  const forwarded = (request.headers["x-forwarded-for"] ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
  const hops = [...forwarded, socket].reverse()
  const client =
    proxies._tag === "Hops"
      ? hops[Math.min(proxies.count, hops.length - 1)]
      : hops.find((hop, index) => !isTrusted(proxies.networks, hop) || index === hops.length - 1)
  // As a socket that listens for both families names an IPv4 address.
  return (client ?? socket).replace(/^::ffff:(?=\d+\.)/i, "")
}

/** What may be whose in IPv6, where a subscriber has a network: a subnet as a rule, a site at most (RFC 6177). */
const PREFIXES = { subnet: 64, site: 48 }

/**
 * The network that an address is limited as: an IPv4 address alone, an IPv6 address with all that its owner can change it
 * into. What is no address counts as itself.
 */
export const networkOf = (address: string, extent: keyof typeof PREFIXES = "subnet"): string =>
  Option.match(parse(address), {
    onNone: () => address,
    onSome: (ip) =>
      NetAddress.isIpv4Address(ip)
        ? NetAddress.formatIp(ip)
        : IpNetwork.format(IpNetwork.fromAddressUnsafe(ip, PREFIXES[extent]))
  })

/** Whether this is the address of a proxy that may speak for others. */
export const isTrustedProxy = (proxies: TrustedProxies, address: string): boolean =>
  proxies._tag === "Hops" ? proxies.count > 0 : isTrusted(proxies.networks, address)

const isNear = (address: string) =>
  Option.exists(parse(address), (ip) =>
    NetAddress.isIpv4Address(ip)
      ? NetAddress.isLoopback(ip) || NetAddress.isPrivate(ip)
      : NetAddress.isLoopback(ip) || NetAddress.isUniqueLocal(ip) || NetAddress.isLinkLocal(ip)
  )

/** Whether what stands at `address` looks like a proxy of ours whose `X-Forwarded-For` counts for nothing. */
export const isForgottenProxy = (proxies: TrustedProxies, address: string): boolean =>
  isNear(address) && !isTrustedProxy(proxies, address)

/** The address of the request that is being answered. */
export const callerAddress = Effect.gen(function* () {
  const { trustedProxies } = yield* ServerConfig
  return clientAddress(trustedProxies, yield* HttpServerRequest.HttpServerRequest)
})
