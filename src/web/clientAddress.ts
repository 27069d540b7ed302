/** Whose request this is: the socket's address, or what trusted proxies say (RFC 9700 §4.13). */

import { Effect, Option, Result } from "effect"
import { HttpServerRequest } from "effect/http"
import { IpNetwork, NetAddress } from "effect/net"
import { ServerConfig, type TrustedProxies } from "../config/ServerConfig.ts"

const parse = (text: string) =>
  Option.map(Result.getSuccess(NetAddress.ipFromString(text)), (ip) => NetAddress.toCanonical(ip))

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
  if (proxies._tag === "Hops") return hops[Math.min(proxies.count, hops.length - 1)] ?? socket
  const isTrusted = (hop: string) =>
    Option.exists(parse(hop), (address) => proxies.networks.some((network) => IpNetwork.contains(network, address)))
  return hops.find((hop, index) => !isTrusted(hop) || index === hops.length - 1) ?? socket
}

/** The address of the request that is being answered. */
export const callerAddress = Effect.gen(function* () {
  const { trustedProxies } = yield* ServerConfig
  return clientAddress(trustedProxies, yield* HttpServerRequest.HttpServerRequest)
})
